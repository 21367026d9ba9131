//! What `reg query KEY /v NAME` prints of a value: the key, then `    NAME    REG_DWORD    0x1`. These are
//! the same in all languages of Windows; only its messages are not, and they are not read.

/// The number that a value holds; the error says what is there instead.
pub fn dword(output: &[u8], name: &str) -> Result<u32, String> {
    let text = String::from_utf8_lossy(output);
    let values = text.lines().filter_map(|line| Value::of(line, name));
    let mut values = values.fuse();
    let value = values.next().ok_or_else(|| format!("reg query tells nothing of {name}"))?;
    if values.next().is_some() {
        return Err(format!("reg query tells of {name} more than once"));
    }
    value.dword().ok_or_else(|| format!("{name} is no number but {}", value.kind.escape_debug()))
}

/// A value as a line has it.
struct Value<'a> {
    kind: &'a str,
    data: &'a str,
}

impl<'a> Value<'a> {
    fn of(line: &'a str, name: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let named = words.next()?.eq_ignore_ascii_case(name);
        let value = Self { kind: words.next()?, data: words.next().unwrap_or_default() };
        (named && value.kind.starts_with("REG_")).then_some(value)
    }

    fn dword(&self) -> Option<u32> {
        let digits = self.data.strip_prefix("0x").filter(|_| self.kind == "REG_DWORD")?;
        u32::from_str_radix(digits, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn printed(line: &str) -> String {
        format!(
            "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Reliability\r\n{line}\r\n\r\n"
        )
    }

    #[test]
    fn a_number_is_read() {
        for (data, value) in [("0x0", 0), ("0x1", 1), ("0xffffffff", u32::MAX)] {
            let output = printed(&format!("    ShutdownReasonOn    REG_DWORD    {data}"));
            assert_eq!(dword(output.as_bytes(), "ShutdownReasonOn"), Ok(value));
        }
    }

    #[test]
    fn a_value_of_another_type_or_name_is_not_taken_for_it() {
        let text = printed("    ShutdownReasonOn    REG_SZ    0x1");
        let why = dword(text.as_bytes(), "ShutdownReasonOn").expect_err("a text");
        assert!(why.contains("REG_SZ"), "{why}");
        let other = printed("    ShutdownReasonUI    REG_DWORD    0x1");
        dword(other.as_bytes(), "ShutdownReasonOn").expect_err("another value");
        let twice = printed("  A REG_DWORD 0x0\r\n  A REG_DWORD 0x1");
        dword(twice.as_bytes(), "A").expect_err("twice");
    }

    #[test]
    fn messages_in_any_language_and_code_page_are_no_number() {
        let messages: [&[u8]; 5] = [
            "ERROR: The system was unable to find the specified registry key or value.\r\n".as_bytes(),
            "FEHLER: Der angegebene Registrierungsschl\u{fffd}ssel wurde nicht gefunden.\r\n".as_bytes(),
            "오류: 지정된 레지스트리 키 또는 값을 찾을 수 없습니다.\r\n".as_bytes(),
            "错误: 系统找不到指定的注册表项或值。\r\n".as_bytes(),
            // The Japanese one in code page 932.
            b"\x83G\x83\x89\x81[: \x8ew\x92\xe8\x82\xb3\x82\xea\x82\xbd\x83L\x81[\r\n",
        ];
        for message in messages {
            dword(message, "ShutdownReasonOn").expect_err("a message");
        }
    }

    proptest! {
        #[test]
        fn any_output_is_read_or_refused(output: Vec<u8>) {
            let _ = dword(&output, "A");
        }

        #[test]
        fn a_number_between_garbage_is_read(value: u32, before in "[^A0-9]{0,40}", after in "[^A]{0,40}") {
            let output = format!("{before}\n  A  REG_DWORD  {value:#x}\n{after}");
            prop_assert_eq!(dword(output.as_bytes(), "A"), Ok(value));
        }
    }
}
