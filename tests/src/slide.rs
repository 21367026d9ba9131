//! Pictures of Windows' screens for guests to show: its texts in the languages that softoff reads, white on
//! blue, as a guest's console cannot draw them.

use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use anyhow::Context;
use quick_xml::escape::escape;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};
use softoff_guest::SLIDE_SIZE;

/// A font with the letters of all four languages (Debian: fonts-wqy-microhei).
const FONT: &str = "WenQuanYi Micro Hei";

/// Distance from line to line in pixels.
const LINE: u32 = 48;

/// A picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slide {
    /// Updates being worked on.
    Updating(Language),
    /// Applications in the way of a shutdown.
    AppsBlock(Language),
    /// Something that has nothing to do with a shutdown.
    Ordinary,
}

/// A language of Windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "languages")]
pub enum Language {
    English,
    Korean,
    Chinese,
    Japanese,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::English, Self::Korean, Self::Chinese, Self::Japanese];
}

impl Slide {
    /// The text, line by line.
    pub const fn lines(self) -> &'static [&'static str] {
        use Language::{Chinese, English, Japanese, Korean};
        match self {
            Self::Updating(English) => {
                &["Working on updates", "35% complete", "Don't turn off your computer"]
            }
            Self::Updating(Korean) => &["업데이트 작업 중 35%", "컴퓨터를 끄지 마십시오"],
            Self::Updating(Chinese) => &["正在更新你的系统 (35%)", "请不要关闭计算机"],
            Self::Updating(Japanese) => &["更新プログラムの操作 35% 完了", "コンピューターの電源を切らない"],
            Self::AppsBlock(English) => &[
                "Closing 1 app and shutting down",
                "Notepad",
                "This app is preventing you from shutting down.",
                "Shut down anyway      Cancel",
            ],
            Self::AppsBlock(Korean) => &["메모장", "이 앱 때문에 종료할 수 없습니다."],
            Self::AppsBlock(Chinese) => &["记事本", "此应用正在阻止关机。"],
            Self::AppsBlock(Japanese) => &["このプログラムが Windows のシャットダウンを妨げています"],
            Self::Ordinary => &["Quarterly report", "Revenue by region", "Page 3 of 12"],
        }
    }

    /// The picture, four bytes a pixel: blue, green, red, nothing.
    pub fn pixels(self) -> anyhow::Result<Vec<u8>> {
        static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
            let mut fonts = Database::new();
            fonts.load_system_fonts();
            Arc::new(fonts)
        });
        let has_font = FONTS.faces().any(|face| face.families.iter().any(|(family, _)| family == FONT));
        anyhow::ensure!(has_font, "the font {FONT} is missing; run ./x setup");
        let options = Options { fontdb: Arc::clone(&FONTS), ..Options::default() };
        let tree = Tree::from_str(&self.svg(), &options).context("cannot read the slide's SVG")?;
        let mut pixmap = Pixmap::new(SLIDE_SIZE.0, SLIDE_SIZE.1).context("a slide of no size")?;
        resvg::render(&tree, Transform::identity(), &mut pixmap.as_mut());
        Ok(pixmap.pixels().iter().flat_map(|pixel| [pixel.blue(), pixel.green(), pixel.red(), 0]).collect())
    }

    fn svg(self) -> String {
        let (width, height) = SLIDE_SIZE;
        let lines = self.lines();
        let mut text = String::new();
        let mut y = height / 2 - LINE * u32::try_from(lines.len()).unwrap_or(0) / 2;
        for line in lines {
            y += LINE;
            // Writing to a string does not fail.
            let _ = write!(text, "<text x='{}' y='{y}'>{}</text>", width / 2, escape(*line));
        }
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'>\
             <rect width='100%' height='100%' fill='#005a9e'/>\
             <g font-family='{FONT}' font-size='24' fill='white' text-anchor='middle'>{text}</g></svg>"
        )
    }
}

#[cfg(test)]
mod tests {
    use softoff_analyzer::screen::{Message, message};

    use super::*;

    #[test]
    fn softoff_knows_every_text_that_is_windows_own() {
        for language in Language::ALL {
            let of = |slide: Slide| message(&slide.lines().join("\n"));
            assert_eq!(of(Slide::Updating(language)), Some(Message::Updating), "{language:?}");
            assert_eq!(of(Slide::AppsBlock(language)), Some(Message::AppsBlock), "{language:?}");
        }
        assert_eq!(message(&Slide::Ordinary.lines().join("\n")), None);
    }

    #[test]
    fn a_picture_has_letters_on_its_ground() {
        let pixels = Slide::Updating(Language::Korean).pixels().unwrap();
        assert_eq!(pixels.len(), SLIDE_SIZE.0 as usize * SLIDE_SIZE.1 as usize * 4);
        let white = pixels.chunks(4).filter(|pixel| pixel[..3] == [255; 3]).count();
        assert!(white > 500, "{white} white pixels");
    }
}
