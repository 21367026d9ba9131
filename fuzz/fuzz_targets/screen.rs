//! The text that was read off a guest's screen.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = softoff_analyzer::screen::message(text);
});
