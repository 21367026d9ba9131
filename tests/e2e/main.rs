//! End to end: real libvirt, real QEMU, real guests, the real hook and recorder, and what softoff
//! says of them.
//!
//! The tests share one lab where they can; each has a guest of its own in it. They need root, the
//! packages of `./x setup`, and eBPF.

mod binaries;
mod demo;
mod libvirt;
mod names;
mod recording;
mod restart;
mod stage;
mod witness;
