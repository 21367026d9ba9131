//! How a guest or QEMU died, in the words of libvirt, QEMU, KVM's part of it, glib and glibc.
//!
//! Sources: QEMU accel/kvm/kvm-all.c (`KVM internal error`, `error: kvm run failed`), target/i386
//! (`KVM: entry failed`), hw/core/cpu (`qemu: fatal`, `qemu: hardware error`), system/physmem.c (`cannot set
//! up guest memory`); glibc assert and malloc; glib g_assert and g_malloc; libvirt's
//! qemu_domain.c (`panic hyper-v:`, `panic s390:`).

use memchr::memmem;
use softoff_journal::record::Death;

/// What libvirt says of a guest's panic.
pub fn of_libvirt(text: &str) -> Option<Death> {
    text.starts_with("panic ").then_some(Death::GuestPanic)
}

/// What a line without libvirt's time stamp says, itself without QEMU's.
pub fn of_qemu(text: &[u8]) -> Option<Death> {
    begins(text).or_else(|| begins(after_program(text)?)).or_else(|| ends(text))
}

/// `qemu-system-x86_64: …`
pub fn after_program(text: &[u8]) -> Option<&[u8]> {
    if !text.starts_with(b"qemu") && !text.starts_with(b"/") && !text.starts_with(b"kvm") {
        return None;
    }
    let colon = memchr::memchr(b':', text)?;
    text[colon + 1..].strip_prefix(b" ")
}

fn begins(text: &[u8]) -> Option<Death> {
    const KVM: [&[u8]; 4] = [
        b"KVM internal error.",
        b"KVM: entry failed, hardware error ",
        b"KVM: unknown exit, hardware reason ",
        b"error: kvm run failed ",
    ];
    const BROKEN: [&[u8]; 9] = [
        b"qemu: fatal: ",
        b"qemu: hardware error: ",
        b"hardware error: ",
        b"*** stack smashing detected ***",
        b"*** buffer overflow detected ***",
        b"double free or corruption",
        b"free(): invalid ",
        b"malloc(): ",
        b"corrupted size vs. prev_size",
    ];
    let one_of = |words: &[&[u8]]| words.iter().any(|word| text.starts_with(word));
    match text.first()? {
        b'K' | b'e' if one_of(&KVM) => Some(Death::KvmError),
        b'q' | b'h' | b'*' | b'd' | b'f' | b'm' | b'c' if one_of(&BROKEN) => Some(Death::Assertion),
        b'E' if text.starts_with(b"ERROR:") && is_glib_assertion(text) => Some(Death::Assertion),
        b'F' if text.starts_with(b"Failed to allocate ") => Some(Death::OutOfMemory),
        b'(' | b'G'
            if memmem::find(text, b"GLib-ERROR **: ").is_some() && has(text, b"failed to allocate ") =>
        {
            Some(Death::OutOfMemory)
        }
        _ => None,
    }
}

fn ends(text: &[u8]) -> Option<Death> {
    // glibc: `qemu-system-x86_64: ../hw/usb/core.c:720: usb_ep_get: Assertion `dev != NULL' failed.`
    if text.ends_with(b"' failed.") && has(text, b": Assertion `") {
        return Some(Death::Assertion);
    }
    let starved = text.ends_with(b"annot allocate memory") && after_program(text).is_some();
    starved.then_some(Death::OutOfMemory)
}

fn is_glib_assertion(text: &[u8]) -> bool {
    has(text, b": assertion failed") || has(text, b": code should not be reached")
}

fn has(text: &[u8], words: &[u8]) -> bool {
    memmem::find(text, words).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deaths_are_told_by_the_words_of_those_who_report_them() {
        for (line, death) in [
            (
                "qemu-system-x86_64: ../hw/usb/core.c:720: usb_ep_get: Assertion `dev != NULL' failed.",
                Death::Assertion,
            ),
            (
                "ERROR:../system/cpus.c:504:qemu_mutex_lock_iothread_impl: assertion failed: (!bql_locked())",
                Death::Assertion,
            ),
            ("ERROR:../target/i386/kvm/kvm.c:12:f: code should not be reached", Death::Assertion),
            ("qemu: fatal: Trying to execute code outside RAM or ROM at 0xfffffff0", Death::Assertion),
            ("qemu: hardware error: register_ioport_read: invalid opaque", Death::Assertion),
            ("double free or corruption (!prev)", Death::Assertion),
            ("KVM internal error. Suberror: 1", Death::KvmError),
            ("KVM: entry failed, hardware error 0x80000021", Death::KvmError),
            ("error: kvm run failed Cannot allocate memory", Death::KvmError),
            ("qemu-kvm: cannot set up guest memory 'pc.ram': Cannot allocate memory", Death::OutOfMemory),
            ("qemu-kvm: error: kvm run failed Bad address", Death::KvmError),
            (
                "(process:77): GLib-ERROR **: 10:01:02.123: ../glib/gmem.c:106: failed to allocate 8 bytes",
                Death::OutOfMemory,
            ),
        ] {
            assert_eq!(of_qemu(line.as_bytes()), Some(death), "{line}");
        }
        assert_eq!(of_libvirt("panic hyper-v: arg1='0x7e', arg2='0x0'"), Some(Death::GuestPanic));
    }

    #[test]
    fn warnings_and_what_only_quotes_a_death_are_none() {
        for line in [
            "qemu-system-x86_64: warning: host doesn't support requested feature",
            "serial: KVM internal error. Suberror: 1",
            "Assertion `x' failed.",
            "guest says: Cannot allocate memory",
            "char device redirected to /dev/pts/1 (label charserial0)",
            "ERROR: something else",
            "",
        ] {
            assert_eq!(of_qemu(line.as_bytes()), None, "{line}");
        }
    }
}
