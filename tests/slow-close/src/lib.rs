//! A library that the lab preloads into a QEMU, so that it is slow to leave: its `close` takes the place
//! of libc's and waits before it closes the guest's disk, which QEMU does on its way out.
//!
//! ```text
//! SOFTOFF_SLOW_CLOSE=DISK   the disk; nothing else is slow
//! DISK with suffix .slow    how slow, in milliseconds; while it is missing, nothing is
//! ```

use std::env;
use std::ffi::{c_int, c_long};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// QEMU closes the disk more than once, and is to be slow once.
static WAS_SLOW: AtomicBool = AtomicBool::new(false);

/// libc's `close`, after a while.
#[unsafe(no_mangle)]
pub extern "C" fn close(descriptor: c_int) -> c_int {
    if let Some(pause) = pause_before(descriptor) {
        thread::sleep(pause);
    }
    // SAFETY: the kernel refuses a descriptor that is none; that nobody uses it any more is what the
    // caller has promised to `close`.
    let result = unsafe { libc::syscall(libc::SYS_close, c_long::from(descriptor)) };
    if result == 0 { 0 } else { -1 }
}

/// How long to wait before this descriptor is closed, if at all.
fn pause_before(descriptor: c_int) -> Option<Duration> {
    let disk = PathBuf::from(env::var_os("SOFTOFF_SLOW_CLOSE")?);
    // `read_link` opens nothing, so nothing is closed in here.
    let opened = fs::read_link(format!("/proc/self/fd/{descriptor}")).ok()?;
    let file = disk.with_extension("slow");
    if opened != disk || fs::metadata(&file).is_err() {
        return None;
    }
    // Closing this file comes back here, and goes on since it is not the disk.
    let milliseconds = fs::read_to_string(file).ok()?.trim().parse().ok()?;
    (!WAS_SLOW.swap(true, Ordering::SeqCst)).then(|| Duration::from_millis(milliseconds))
}
