//! The pictures that a journal's records name, read from its directory and from nowhere else: a journal
//! may have come from another machine, and what it says is not to be trusted.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};
use rustix::io::Errno;
use softoff_analyzer::Episode;
use softoff_reports::Pictures;

/// The largest file that is taken for a picture of a screen, in bytes.
const LARGEST: u64 = 4 << 20;

/// The most that all pictures of a page hold, in bytes: it is to be mailed.
const ALL: u64 = 32 << 20;

/// The most dots across or down: more than any screen has, few enough for whoever shows it.
const DOTS: u32 = 8192;

/// The pictures of these episodes. What cannot be had is said where it would be shown.
pub fn read(journal: &Path, episodes: &[&Episode]) -> Pictures {
    let mut pictures = Pictures::default();
    let mut room = ALL;
    let files = episodes.iter().flat_map(|episode| &episode.evidence);
    for file in files.filter_map(|evidence| evidence.picture.as_deref()) {
        if !pictures.has(file) {
            let picture = picture(journal, file, room);
            room -= picture.as_ref().map_or(0, |png| png.len() as u64);
            pictures.add(file, picture);
        }
    }
    pictures
}

/// Where a picture is, for somebody who wants to look at it; none for a name that leads elsewhere.
pub fn place(journal: &Path, file: &str) -> Option<PathBuf> {
    is_inside(file).then(|| journal.join(file))
}

fn is_inside(file: &str) -> bool {
    !file.is_empty() && Path::new(file).components().all(|part| matches!(part, Component::Normal(_)))
}

fn picture(journal: &Path, file: &str, room: u64) -> Result<Vec<u8>, String> {
    if !is_inside(file) {
        return Err("its name leads out of the journal's directory".to_owned());
    }
    let file = opened(journal, file).map_err(|error| refusal(error).to_owned())?;
    let about = file.metadata().map_err(|error| format!("it cannot be read ({error})"))?;
    if !about.is_file() {
        return Err("it is no ordinary file".to_owned());
    }
    let most = LARGEST.min(room);
    let mut png = Vec::new();
    // It may grow while it is read.
    let read = file.take(most + 1).read_to_end(&mut png);
    read.map_err(|error| format!("it cannot be read ({error})"))?;
    if png.len() as u64 > most {
        let why = if room < LARGEST { "the page would grow too large" } else { "the file is too large" };
        return Err(why.to_owned());
    }
    is_png(&png).then_some(png).ok_or_else(|| "the file is no PNG of a screen".to_owned())
}

/// The kernel itself keeps the way below the directory, whatever is changed there meanwhile.
fn opened(journal: &Path, file: &str) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let dir = open(journal, flags | OFlags::DIRECTORY, Mode::empty())?;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    // A pipe would keep whoever opens it waiting.
    openat2(dir, file, flags | OFlags::NONBLOCK, Mode::empty(), beneath).map(File::from)
}

fn refusal(error: Errno) -> &'static str {
    match error {
        Errno::NOENT => "the file is not there",
        Errno::LOOP | Errno::XDEV => "its name leads out of the journal's directory",
        Errno::ACCESS | Errno::PERM => "the file may not be read; only root may, as a rule",
        Errno::NOSYS => "this kernel (before Linux 5.6) cannot keep a name within a directory",
        _ => "the file cannot be read",
    }
}

fn is_png(bytes: &[u8]) -> bool {
    let header = png::Decoder::new(Cursor::new(bytes)).read_info();
    header.is_ok_and(|reader| reader.info().width.max(reader.info().height) <= DOTS)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A journal's directory below one that holds a picture which is none of its own.
    fn journal() -> (tempfile::TempDir, PathBuf) {
        let outer = tempfile::tempdir().expect("a directory");
        let journal = outer.path().join("journal");
        fs::create_dir_all(journal.join("screens")).expect("directories");
        fs::write(journal.join("screens/1.png"), a_png(2, 2)).expect("a picture");
        fs::write(outer.path().join("secret.png"), a_png(2, 2)).expect("a picture");
        (outer, journal)
    }

    fn a_png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Grayscale);
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(&vec![0; (width * height) as usize]).expect("dots");
        drop(writer);
        bytes
    }

    #[test]
    fn a_picture_of_the_journal_is_read() {
        let (_outer, journal) = journal();
        assert_eq!(picture(&journal, "screens/1.png", ALL), Ok(a_png(2, 2)));
        assert_eq!(place(&journal, "screens/1.png"), Some(journal.join("screens/1.png")));
    }

    #[test]
    fn a_name_that_leads_out_of_the_journal_is_refused() {
        let (outer, journal) = journal();
        symlink(outer.path().join("secret.png"), journal.join("screens/link.png")).expect("a link");
        symlink(outer.path(), journal.join("up")).expect("a link");
        let absolute = outer.path().join("secret.png").display().to_string();
        for file in
            ["../secret.png", "screens/../../secret.png", &absolute, "screens/link.png", "up/secret.png", ""]
        {
            let why = picture(&journal, file, ALL).expect_err(file);
            assert!(why.contains("leads out"), "{file}: {why}");
        }
        assert_eq!(place(&journal, "../secret.png"), None);
    }

    #[test]
    fn what_is_no_picture_of_a_screen_is_refused() {
        let (_outer, journal) = journal();
        let screens = journal.join("screens");
        fs::write(screens.join("text.png"), "root:x:0:0").expect("a file");
        fs::write(screens.join("cut.png"), &a_png(2, 2)[..12]).expect("a file");
        fs::write(screens.join("wide.png"), a_png(DOTS + 1, 1)).expect("a file");
        rustix::fs::mkfifoat(rustix::fs::CWD, screens.join("pipe.png"), Mode::RUSR).expect("a pipe");
        for file in ["text.png", "cut.png", "wide.png", "pipe.png", "gone.png"] {
            assert!(picture(&journal, &format!("screens/{file}"), ALL).is_err(), "{file}");
        }
        assert!(picture(&journal, "screens", ALL).is_err());
    }

    #[test]
    fn a_page_holds_only_so_much() {
        let (_outer, journal) = journal();
        let whole = a_png(2, 2).len() as u64;
        assert!(picture(&journal, "screens/1.png", whole).is_ok());
        let why = picture(&journal, "screens/1.png", whole - 1).expect_err("too large");
        assert_eq!(why, "the page would grow too large");
    }
}
