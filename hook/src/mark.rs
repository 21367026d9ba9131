//! The mark by which `install` knows the hook program, of whatever version.

/// Stands in the program's data; `main` refers to it so that the linker keeps it.
pub static MARK: [u8; 33] = *b"softoff-hook, libvirt's qemu hook";
