//! Where the tests play: a lab with hook and recorder, which they share where they can.

use std::env;
use std::sync::OnceLock;

use softoff_lab::Stage;

/// The stage that tests share. Whoever comes first sets it up; it ends with the process.
pub fn shared() -> &'static Stage {
    static SHARED: OnceLock<Stage> = OnceLock::new();
    SHARED.get_or_init(|| Stage::open().expect("the stage of the end-to-end tests"))
}

/// Tells a test whether to go on: without root there is no lab. Where nothing may be skipped, the
/// lack of root is a failure.
pub fn is_possible() -> bool {
    let root = rustix::process::geteuid().is_root();
    let required = env::var_os("SOFTOFF_REQUIRE_ALL").is_some_and(|value| value == "1");
    assert!(root || !required, "the end-to-end tests need root, and nothing may be skipped");
    if !root {
        eprintln!("skipped: the end-to-end tests need root");
    }
    root
}
