//! `softoff plot`

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use softoff_reports::{plot, visible};

use crate::episodes::Recorded;
use crate::output::Output;
use crate::{choose, episodes};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Shutdowns, drawn one below the other: ids (or their beginnings), domains (their last
    /// shutdown) or `last`; by default the last one that was slow or failed, or else the last of all
    #[arg(value_name = "ID|DOMAIN|last")]
    shutdowns: Vec<String>,
    /// Where to draw: FILE.svg or FILE.png; `-` writes SVG to standard output
    #[arg(short, long, value_name = "FILE", default_value = "softoff-timeline.svg")]
    output: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Picture {
    Svg,
    Png,
}

impl Args {
    pub fn run(self, recorded: &Recorded<'_>) -> anyhow::Result<ExitCode> {
        let picture = picture(&self.output)?;
        let output = Output::open(&self.output)?;
        let episodes = episodes::load(recorded)?;
        let wanted: Vec<_> = if self.shutdowns.is_empty() {
            choose::most_telling(&episodes).into_iter().collect()
        } else {
            self.shutdowns.iter().map(|wanted| choose::named(&episodes, wanted)).collect::<Result<_, _>>()?
        };
        if wanted.is_empty() {
            return Ok(episodes::say_empty(recorded.dir));
        }
        let svg = plot::svg(&wanted)?;
        match picture {
            Picture::Svg => output.write(svg.as_bytes())?,
            Picture::Png => output.write(&plot::png(&svg)?)?,
        }
        Ok(episodes::exit_code(wanted))
    }
}

fn picture(path: &Path) -> anyhow::Result<Picture> {
    if path == Path::new("-") {
        return Ok(Picture::Svg);
    }
    match path.extension().map(OsStr::to_ascii_lowercase) {
        Some(extension) if extension == "svg" => Ok(Picture::Svg),
        Some(extension) if extension == "png" => Ok(Picture::Png),
        _ => bail!(
            "cannot tell the kind of picture from the name {}; end it in .svg or .png",
            visible(&path.display().to_string())
        ),
    }
}
