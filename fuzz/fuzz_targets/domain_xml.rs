//! The domain XML on the hook's standard input.
#![no_main]

libfuzzer_sys::fuzz_target!(|xml: &[u8]| {
    let _ = softoff_hook::domain_xml::read(xml);
});
