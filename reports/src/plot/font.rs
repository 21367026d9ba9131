//! How wide a text will be. The pictures ask for DejaVu Sans, which is built in for PNG; a viewer
//! of the SVG without it falls back to Verdana, which has the same widths, or to something narrower.

use dejavu::sans;
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

/// The font families to ask for, best first.
pub(super) const FAMILIES: &str = "DejaVu Sans, Verdana, sans-serif";

/// A size and weight of the font.
#[derive(Debug, Clone, Copy)]
pub struct Face {
    /// Height in pixels.
    pub size: f32,
    /// Bold or regular.
    pub bold: bool,
}

impl Face {
    /// What a picture shows.
    pub const TITLE: Self = Self { size: 17.0, bold: true };
    /// Most texts.
    pub const TEXT: Self = Self { size: 12.0, bold: false };
    /// What is looked for first.
    pub const STRONG: Self = Self { size: 12.0, bold: true };
    /// Axes and footnotes.
    pub const SMALL: Self = Self { size: 11.0, bold: false };

    fn data(self) -> &'static [u8] {
        if self.bold { sans::bold() } else { sans::regular() }
    }

    /// The width of `text` in pixels.
    pub fn width(self, text: &str) -> i32 {
        self.advances(text).map(|(_, end)| end).last().map_or(0, ceil)
    }

    /// `text` cut to `width` pixels, with an ellipsis for what is left out.
    pub fn fit(self, text: &str, width: i32) -> String {
        if self.width(text) <= width {
            return text.to_owned();
        }
        let room = width - self.width("…");
        let fits = |(_, end): &(char, f32)| ceil(*end) <= room;
        let kept: String = self.advances(text).take_while(fits).map(|(c, _)| c).collect();
        kept.trim_end().to_owned() + "…"
    }

    /// Each character and where it ends.
    fn advances(self, text: &str) -> impl Iterator<Item = (char, f32)> {
        let font = FontRef::new(self.data()).ok();
        let glyphs = font
            .map(|font| (font.charmap(), font.glyph_metrics(Size::new(self.size), LocationRef::default())));
        let advance = move |c| {
            let (charmap, metrics) = glyphs.as_ref()?;
            metrics.advance_width(charmap.map(c)?)
        };
        // What the font lacks is drawn with another one: at most a square, as for Chinese.
        text.chars().scan(0.0, move |end, c| {
            *end += advance(c).unwrap_or(self.size);
            Some((c, *end))
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates")]
fn ceil(pixels: f32) -> i32 {
    pixels.ceil() as i32
}

/// Whether the built-in font can draw all of `text`.
pub(super) fn covers(text: &str) -> bool {
    FontRef::new(sans::regular()).is_ok_and(|font| {
        let charmap = font.charmap();
        text.chars().all(|c| c.is_whitespace() || charmap.map(c).is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_letter_is_wider_than_a_narrow_one_and_bold_is_wider_than_regular() {
        assert!(Face::TEXT.width("MMMM") > 2 * Face::TEXT.width("iiii"));
        assert!(Face::STRONG.width("guest") > Face::TEXT.width("guest"));
    }

    #[test]
    fn a_text_is_cut_to_the_pixels_it_may_have() {
        let long = "W".repeat(100);
        for width in [20, 50, 200] {
            let cut = Face::TEXT.fit(&long, width);
            assert!(cut.ends_with('…') && Face::TEXT.width(&cut) <= width, "{cut} in {width}");
        }
        assert_eq!(Face::TEXT.fit("short", 200), "short");
    }

    #[test]
    fn what_the_font_lacks_is_known() {
        assert!(covers("web-01 ü …"));
        assert!(!covers("漢字"));
    }
}
