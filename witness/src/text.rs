//! Having the text on a picture read, by tesseract where it is installed: a program of its own that is
//! given a plain grey picture, no rights, little time and little memory, as what it reads is a guest's.

use std::env;
use std::io::{Cursor, ErrorKind, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use image::imageops::{self, FilterType};
use image::{GrayImage, ImageFormat, RgbImage};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use softoff_journal::record::Screen;

use crate::deadline::Deadline;

/// The languages that are read, where tesseract knows them. The first one decides on spaces: English would
/// put them between Korean and Japanese characters.
const LANGUAGES: [&str; 4] = ["kor", "eng", "chi_sim", "jpn"];

/// The darkest shade that is as good as the background's, of 255.
const LIGHT: u8 = 160;

/// What is left around a text, in pixels.
const MARGIN: u32 = 24;

/// `nobody`.
const NOBODY: u32 = 65_534;

/// The most bytes that are taken of what tesseract prints.
const MAX_OUTPUT: u64 = 4 * Screen::MAX_TEXT as u64;

/// The most memory it may map, in bytes. With four languages and a large picture it takes a quarter.
const MAX_MEMORY: u64 = 2 << 30;

/// How long it may take to say what it is and knows.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Who read it.
    pub reader: String,
}

/// Reads a picture; the error is a sentence.
pub fn read(picture: &RgbImage, deadline: Deadline) -> Result<Text, String> {
    let version = ask("--version", deadline)?;
    let version = version.lines().next().unwrap_or_default().trim().to_owned();
    let known = ask("--list-langs", deadline)?;
    let languages: Vec<&str> =
        LANGUAGES.into_iter().filter(|one| known.lines().any(|line| line == *one)).collect();
    if languages.is_empty() {
        return Err(
            "tesseract knows none of the languages that are read (Debian: tesseract-ocr-eng)".to_owned()
        );
    }
    let bytes = pgm(&legible(picture))?;
    // Uniform blocks of text are what a console and a dialog are.
    let arguments = ["stdin", "stdout", "-l", &languages.join("+"), "--psm", "6"];
    let text = run(&arguments, bytes, deadline)?;
    Ok(Text { text: tidy(&text), reader: format!("{version} ({})", languages.join(", ")) })
}

fn ask(what: &str, deadline: Deadline) -> Result<String, String> {
    run(&[what], Vec::new(), deadline.but_within(PATIENCE))
}

/// The picture as it is read best: dark on light, in full contrast, and letters some 30 pixels high.
fn legible(picture: &RgbImage) -> GrayImage {
    let mut grey = imageops::grayscale(picture);
    stretch(&mut grey);
    let scale = match picture.height() {
        ..600 => 3,
        600..1440 => 2,
        _ => 1,
    };
    let grey = without_margins(&grey);
    match scale {
        1 => grey,
        _ => imageops::resize(&grey, grey.width() * scale, grey.height() * scale, FilterType::Triangle),
    }
}

/// What is not light, and a little around it: most of a screen that is to be read is empty.
fn without_margins(grey: &GrayImage) -> GrayImage {
    let (width, height) = grey.dimensions();
    let (mut left, mut right, mut top, mut bottom) = (width, 0, height, 0);
    for (x, y, _) in grey.enumerate_pixels().filter(|(_, _, pixel)| pixel.0[0] < LIGHT) {
        (left, right, top, bottom) = (left.min(x), right.max(x), top.min(y), bottom.max(y));
    }
    if left > right {
        return grey.clone();
    }
    let (left, top) = (left.saturating_sub(MARGIN), top.saturating_sub(MARGIN));
    let (right, bottom) = ((right + MARGIN + 1).min(width), (bottom + MARGIN + 1).min(height));
    imageops::crop_imm(grey, left, top, right - left, bottom - top).to_image()
}

/// Spreads the shades over all there are, and inverts what is mostly dark.
fn stretch(grey: &mut GrayImage) {
    let shades = || grey.pixels().map(|pixel| u64::from(pixel.0[0]));
    let (low, high) = (shades().min().unwrap_or(0), shades().max().unwrap_or(0));
    let mean = shades().sum::<u64>() / u64::from(grey.width() * grey.height()).max(1);
    let (span, is_dark) = ((high - low).max(1), 2 * mean < low + high);
    for pixel in grey.pixels_mut() {
        let spread = u8::try_from((u64::from(pixel.0[0]) - low) * 255 / span).unwrap_or(u8::MAX);
        pixel.0[0] = if is_dark { 255 - spread } else { spread };
    }
}

fn pgm(grey: &GrayImage) -> Result<Vec<u8>, String> {
    let mut bytes = Cursor::new(Vec::new());
    grey.write_to(&mut bytes, ImageFormat::Pnm)
        .map_err(|error| format!("the picture cannot be handed to tesseract: {error}"))?;
    Ok(bytes.into_inner())
}

/// Runs tesseract and returns what it prints.
fn run(arguments: &[&str], input: Vec<u8>, deadline: Deadline) -> Result<String, String> {
    let mut child = command(arguments).spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            "the text was not read: tesseract is not installed (Debian: tesseract-ocr)".to_owned()
        }
        _ => format!("the text was not read: tesseract cannot be run ({error})"),
    })?;
    confine(&child);
    let (mut stdin, stdout) = (child.stdin.take(), child.stdout.take());
    // Where it ends early, the rest cannot be written, and its status tells.
    thread::spawn(move || stdin.as_mut().map(|stdin| stdin.write_all(&input)));
    let reading = thread::spawn(move || {
        let mut output = Vec::new();
        let read = stdout.map(|stdout| stdout.take(MAX_OUTPUT).read_to_end(&mut output));
        read.map(|_| output)
    });
    end(&mut child, deadline)?;
    let output = reading.join().ok().flatten().unwrap_or_default();
    Ok(String::from_utf8_lossy(&output).into_owned())
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new("tesseract");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.current_dir("/").env_clear().env("OMP_THREAD_LIMIT", "1");
    for name in ["PATH", "TESSDATA_PREFIX"] {
        command.envs(env::var_os(name).map(|value| (name, value)));
    }
    if rustix::process::geteuid().is_root() {
        // The standard library gives up the supplementary groups with them.
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Takes from it what reading does not need; it waits for its picture meanwhile.
fn confine(child: &Child) {
    let limits = [(Resource::As, MAX_MEMORY), (Resource::Cpu, 20), (Resource::Fsize, 0), (Resource::Core, 0)];
    for (resource, limit) in limits {
        // Where this is not possible the deadline holds all the same.
        let _ = prlimit(
            Some(Pid::from_child(child)),
            resource,
            Rlimit { current: Some(limit), maximum: Some(limit) },
        );
    }
}

/// Waits until it has ended well.
fn end(child: &mut Child, deadline: Deadline) -> Result<(), String> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("the text was not read: tesseract failed ({status})")),
            Ok(None) if deadline.is_over() => {
                let _ = child.kill();
                let _ = child.wait();
                return Err("the text was not read: tesseract took too long".to_owned());
            }
            Ok(None) => thread::sleep(Duration::from_millis(20)),
            Err(error) => return Err(format!("the text was not read: tesseract is lost ({error})")),
        }
    }
}

/// Whether tesseract is somewhere in the PATH.
#[cfg(test)]
pub fn is_installed() -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join("tesseract").exists())
}

/// The text without what cannot be seen, no longer than is kept.
fn tidy(text: &str) -> String {
    let mut tidy = String::new();
    let is_visible = |char: &char| !char.is_control() && *char != char::REPLACEMENT_CHARACTER;
    for line in text.lines() {
        let line: String = line.chars().filter(is_visible).collect();
        let line = line.trim();
        if !line.is_empty() && tidy.len() + line.len() < Screen::MAX_TEXT {
            tidy.extend([line, "\n"]);
        }
    }
    tidy.truncate(tidy.trim_end().len());
    tidy
}

#[cfg(test)]
mod tests {
    use image::{Luma, Rgb};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn light_on_dark_becomes_dark_on_light_in_full_contrast() {
        let mut picture = RgbImage::from_pixel(720, 400, Rgb([0, 0, 90]));
        picture.put_pixel(300, 200, Rgb([170; 3]));
        let mut grey = imageops::grayscale(&picture);
        stretch(&mut grey);
        assert_eq!((grey.get_pixel(300, 200), grey.get_pixel(0, 0)), (&Luma([0]), &Luma([255])));
    }

    #[test]
    fn dark_on_light_stays_and_one_shade_does_no_harm() {
        let mut grey = GrayImage::from_pixel(80, 40, Luma([240]));
        grey.put_pixel(3, 3, Luma([0]));
        stretch(&mut grey);
        assert_eq!((grey.get_pixel(3, 3), grey.get_pixel(0, 0)), (&Luma([0]), &Luma([255])));
        stretch(&mut GrayImage::from_pixel(80, 40, Luma([7])));
    }

    /// A screen of this height, with something in its corners.
    fn screen(height: u32) -> RgbImage {
        let mut screen = RgbImage::new(60, height);
        screen.put_pixel(0, 0, Rgb([255; 3]));
        screen.put_pixel(59, height - 1, Rgb([255; 3]));
        screen
    }

    #[test]
    fn a_small_screen_is_enlarged_and_a_large_one_is_not() {
        let heights = [400, 768, 2160].map(|height| legible(&screen(height)).height());
        assert_eq!(heights, [1200, 1536, 2160]);
    }

    #[test]
    fn what_is_empty_around_a_text_is_cut_off() {
        let mut grey = GrayImage::from_pixel(800, 600, Luma([255]));
        grey.put_pixel(300, 5, Luma([0]));
        assert_eq!(without_margins(&grey).dimensions(), (2 * MARGIN + 1, MARGIN + 6));
        let empty = GrayImage::from_pixel(800, 600, Luma([255]));
        assert_eq!(without_margins(&empty).dimensions(), (800, 600));
    }

    #[test]
    fn an_empty_screen_has_no_text() {
        if !is_installed() {
            eprintln!("skipped: tesseract is not installed");
            return;
        }
        let deadline = Deadline::after(Duration::from_mins(1));
        let text = read(&RgbImage::from_pixel(320, 200, Rgb([255; 3])), deadline).expect("read");
        assert_eq!(text.text, "");
        assert!(text.reader.starts_with("tesseract "), "{text:?}");
    }

    #[test]
    fn a_reader_that_takes_too_long_is_ended() {
        if !is_installed() {
            eprintln!("skipped: tesseract is not installed");
            return;
        }
        let late = read(&RgbImage::new(320, 200), Deadline::after(Duration::ZERO)).expect_err("too late");
        assert!(late.contains("took too long"), "{late}");
    }

    #[test]
    fn text_loses_what_cannot_be_seen() {
        assert_eq!(tidy("  a\u{1b}[2Jb \n\n\u{c}\n c\u{fffd}\n"), "a[2Jb\nc");
    }

    proptest! {
        #[test]
        fn text_is_bounded_and_has_no_control_characters(text in "(.|\n){0,400}", times in 1..80_usize) {
            let tidy = tidy(&text.repeat(times));
            prop_assert!(tidy.len() <= Screen::MAX_TEXT);
            prop_assert!(!tidy.chars().any(|char| char.is_control() && char != '\n'));
        }
    }
}
