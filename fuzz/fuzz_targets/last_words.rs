//! The end of a domain's log, as the hook reads it.
#![no_main]

libfuzzer_sys::fuzz_target!(|log: &[u8]| {
    let _ = softoff_hook::reason::last_words(log);
});
