//! The contract itself, safe to look at.

use std::fmt::Write;

use serde::Serialize;

use crate::ReportError;
use crate::visible::is_hidden;

/// `value` as indented JSON, with a newline at the end.
///
/// Characters that could act on a terminal are written as `\u` escapes, which JSON reads back as
/// the same text.
pub fn to_json(value: &impl Serialize) -> Result<String, ReportError> {
    Ok(harmless(&serde_json::to_string_pretty(value)?))
}

/// `value` as one line of JSON, safe to look at like that of [`to_json`].
pub fn to_json_line(value: &impl Serialize) -> Result<String, ReportError> {
    Ok(harmless(&serde_json::to_string(value)?))
}

fn harmless(json: &str) -> String {
    let mut shown = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        // Only strings can hold hidden characters; a bare newline is the indentation's.
        if c != '\n' && is_hidden(c) {
            push_escape(&mut shown, c);
        } else {
            shown.push(c);
        }
    }
    shown.push('\n');
    shown
}

fn push_escape(shown: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        let _ = write!(shown, "\\u{unit:04x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_escaped_and_read_back_as_themselves() {
        let name = "a\u{9b}31m\u{202e}b\n\u{e0041}\"ü";
        let json = to_json(&name).expect("JSON");
        assert!(!json.trim_end().contains(is_hidden), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).expect("reads back"), name);
    }
}
