//! Text from guests and operators, made harmless to look at: nothing in it can move the cursor,
//! recolour a terminal, turn the reading direction or hide.

use std::borrow::Cow;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text` with every character that is not itself visible written as an escape: a newline as `\n`,
/// an escape as `\u{1b}`, a right-to-left override as `\u{202e}`.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.contains(is_hidden) {
        Cow::Owned(text.chars().fold(String::with_capacity(text.len() + 16), push_visible))
    } else {
        Cow::Borrowed(text)
    }
}

fn push_visible(mut shown: String, c: char) -> String {
    if is_hidden(c) {
        shown.extend(c.escape_default());
    } else {
        shown.push(c);
    }
    shown
}

/// Controls, format characters (direction, zero width, tags), line breaks of Unicode and code
/// points without a character, some of which XML forbids.
pub(crate) fn is_hidden(c: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator, Unassigned};
    matches!(c.general_category(), Control | Format | LineSeparator | ParagraphSeparator | Unassigned)
}

/// A name for use inside a sentence: visible, at most `columns` wide, and in quotes where it would
/// not be recognised as one word.
pub(crate) fn name_in_sentence(name: &str, columns: usize) -> String {
    let name = fit(&visible(name), columns);
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.:@+…".contains(c));
    if plain { name } else { format!("\"{name}\"") }
}

/// `text` cut to `columns` of a terminal, with an ellipsis for what is left out.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    // Combining marks have no width: without a limit of their own they could pile up for ever.
    let most_chars = columns.saturating_mul(4);
    if text.width() <= columns && text.chars().nth(most_chars).is_none() {
        return text.to_owned();
    }
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used < columns
    };
    let kept: String = text.chars().take(most_chars).take_while(fits).collect();
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_become_escapes_and_the_rest_stays() {
        assert_eq!(visible("web-01 ü 漢字 🙂"), "web-01 ü 漢字 🙂");
        assert_eq!(visible("a\nb\t\u{1b}[31m\u{9b}"), r"a\nb\t\u{1b}[31m\u{9b}");
        assert_eq!(visible("\u{202e}txt\u{200b}\u{feff}\u{2028}\u{ffff}"), {
            r"\u{202e}txt\u{200b}\u{feff}\u{2028}\u{ffff}"
        });
    }

    #[test]
    fn a_long_text_is_cut_with_an_ellipsis_by_width_not_by_bytes() {
        assert_eq!(fit("abcdef", 6), "abcdef");
        assert_eq!(fit("abcdefg", 6), "abcde…");
        assert_eq!(fit("漢字漢字", 5), "漢字…");
        assert!(fit(&"\u{301}".repeat(10_000), 10).chars().count() <= 41);
    }

    #[test]
    fn only_odd_names_are_quoted() {
        assert_eq!(name_in_sentence("web-01.example", 40), "web-01.example");
        assert_eq!(name_in_sentence("my \"vm\"", 40), "\"my \"vm\"\"");
        assert_eq!(name_in_sentence("", 40), "\"\"");
    }
}
