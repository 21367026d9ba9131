//! What the guest's screen showed while a shutdown lasted. All of it is the guest's own doing: the text
//! is whatever it chose to draw.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ProcessId;

/// One look at a guest's screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Screen {
    /// The process.
    #[serde(flatten)]
    pub process: ProcessId,
    /// What was on it; absent where no picture could be taken: see `trouble`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
    /// What was read on it, one line of text a line, at most [`Screen::MAX_TEXT`] bytes. Empty: it was
    /// read and there was nothing. Absent: it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Who read it, e.g. `tesseract 5.3.0 (eng, kor)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// How long the hypervisor took to give the picture, in milliseconds.
    pub took_ms: u64,
    /// Why something above is missing, each in a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trouble: Vec<String>,
}

impl Screen {
    /// The most text that is kept of one look, in bytes.
    pub const MAX_TEXT: usize = 8192;
}

/// A picture of a guest's screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Picture {
    /// The PNG, relative to the journal's directory, e.g. `screens/1a2b3c4d-4711-100-1.png`. Pictures that
    /// show the same share one file.
    pub file: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Nothing is lit: the display is off, or the guest draws nothing.
    pub black: bool,
    /// Compared with the picture taken before it of the same process. Absent: it is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
}
