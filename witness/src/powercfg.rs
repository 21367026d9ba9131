//! What `powercfg /q SCHEME SUBGROUP SETTING` prints: in the language of Windows, but for the numbers. A
//! setting that is chosen from a list, as the power button's, has two of the form `0x00000003` at the end
//! of a line: what it is on mains, then what it is on battery. The list itself has three-digit numbers.

/// The setting on mains and on battery; the error says what is there instead.
pub fn indices(output: &[u8]) -> Result<(u32, u32), String> {
    let numbers: Vec<u32> = output.split(|&byte| byte == b'\n').filter_map(index).collect();
    match numbers[..] {
        [ac, dc] => Ok((ac, dc)),
        _ => Err(format!(
            "powercfg printed {} numbers where one on mains and one on battery were expected",
            numbers.len()
        )),
    }
}

/// The number at the end of a line. What is before it is in a code page that nothing tells.
fn index(line: &[u8]) -> Option<u32> {
    let line = line.trim_ascii_end();
    let at = line.len().checked_sub("0x00000000".len())?;
    let digits = line[at..].strip_prefix(b"0x")?;
    let digits = std::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As Windows prints it, with its words for "AC" and "DC" lines.
    fn printed(ac_words: &str, dc_words: &str) -> String {
        format!(
            "Power Scheme GUID: 381b4222-f694-41f0-9685-ff5bb260df2e  (Balanced)\r\n\
             \x20 Subgroup GUID: 4f971e89-eebd-4455-a8de-9e59040e7347  (Power buttons and lid)\r\n\
             \x20   GUID Alias: SUB_BUTTONS\r\n\
             \x20   Power Setting GUID: 7648efa3-dd9c-4e3e-b566-50f929386280  (Power button action)\r\n\
             \x20     GUID Alias: PBUTTONACTION\r\n\
             \x20     Possible Setting Index: 000\r\n\
             \x20     Possible Setting Friendly Name: Do nothing\r\n\
             \x20     Possible Setting Index: 003\r\n\
             \x20     Possible Setting Friendly Name: Shut down\r\n\
             \x20   {ac_words}: 0x00000003\r\n\
             \x20   {dc_words}: 0x00000001\r\n\r\n"
        )
    }

    #[test]
    fn mains_and_battery_are_read_in_any_language() {
        let languages = [
            ("Current AC Power Setting Index", "Current DC Power Setting Index"),
            ("Index der aktuellen Wechselstromeinstellung", "Index der aktuellen Gleichstromeinstellung"),
            ("현재 AC 전원 설정 색인", "현재 DC 전원 설정 색인"),
            ("当前交流电源设置索引", "当前直流电源设置索引"),
            ("現在の AC 電源設定のインデックス", "現在の DC 電源設定のインデックス"),
        ];
        for (ac, dc) in languages {
            assert_eq!(indices(printed(ac, dc).as_bytes()), Ok((3, 1)), "{ac}");
        }
    }

    #[test]
    fn bytes_of_a_code_page_do_not_matter() {
        let line = |number: &[u8]| {
            [b"\x8c\xbb\x8d\xdd\x82\xcc AC \x93d\x8c\xb9: ".as_slice(), number, b"\r\n"].concat()
        };
        let output = [line(b"0x00000000"), line(b"0x00000003")].concat();
        assert_eq!(indices(&output), Ok((0, 3)));
    }

    #[test]
    fn one_number_or_three_tell_nothing() {
        indices(b"Index: 0x00000003\r\n").expect_err("one");
        indices(b"a: 0x00000003\nb: 0x00000003\nc: 0x00000003\n").expect_err("three");
        indices(b"Invalid Parameters -- try \"/?\" for help\r\n").expect_err("none");
        indices(b"0x+0000003\n0x-0000003\n").expect_err("no digits");
    }

    proptest! {
        #[test]
        fn any_output_is_read_or_refused(output: Vec<u8>) {
            let _ = indices(&output);
        }
    }
}
