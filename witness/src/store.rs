//! The pictures beside the journal: `screens/<boot>-<pid>-<ticks>-<n>.png`, of each process one file for
//! each change of its screen.

use std::fs::{self, DirBuilder, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use image::RgbImage;
use softoff_journal::record::{Picture, ProcessId};
use tempfile::NamedTempFile;
use uuid::Uuid;

use crate::picture;

/// The directory, in the journal's.
const DIR: &str = "screens";

/// Keeps a picture, and compares it with the one before; the error is a sentence.
pub fn keep(journal: &Path, boot: Uuid, process: ProcessId, shown: &RgbImage) -> Result<Picture, String> {
    let prefix = prefix(boot, process);
    let before = last(&journal.join(DIR), &prefix);
    let changed = before
        .as_ref()
        .and_then(|(_, path)| read(path))
        .map(|before| !picture::show_the_same(&before, shown));
    let number = before.map_or(1, |(number, _)| if changed == Some(false) { number } else { number + 1 });
    let file = format!("{DIR}/{prefix}{number}.png");
    if changed != Some(false) {
        write(&journal.join(&file), &picture::png(shown)?)?;
    }
    let (width, height) = shown.dimensions();
    Ok(Picture { file, width, height, black: picture::is_black(shown), changed })
}

fn prefix(boot: Uuid, process: ProcessId) -> String {
    let boot = boot.simple().to_string();
    format!("{}-{}-{}-", &boot[..8], process.pid, process.start_ticks)
}

/// The last picture of the process: its number and where it is.
fn last(dir: &Path, prefix: &str) -> Option<(u32, PathBuf)> {
    let entries = fs::read_dir(dir).ok()?.filter_map(Result::ok);
    let number = |name: &str| name.strip_prefix(prefix)?.strip_suffix(".png")?.parse::<u32>().ok();
    entries.filter_map(|entry| Some((number(entry.file_name().to_str()?)?, entry.path()))).max()
}

/// A picture that cannot be read is as good as none.
fn read(path: &Path) -> Option<RgbImage> {
    picture::decode("image/png", &fs::read(path).ok()?).ok()
}

/// Makes the file appear complete.
fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let dir = path.parent().unwrap_or(path);
    let written = DirBuilder::new().recursive(true).mode(0o750).create(dir).and_then(|()| {
        let mut aside = NamedTempFile::new_in(dir)?;
        aside.write_all(bytes)?;
        fs::set_permissions(aside.path(), Permissions::from_mode(0o640))?;
        aside.persist(path)?;
        Ok(())
    });
    written.map_err(|error| format!("the picture cannot be kept in {} ({error})", path.display()))
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    const PROCESS: ProcessId = ProcessId { pid: 4711, start_ticks: 100 };

    fn kept(dir: &Path, process: ProcessId, shade: u8) -> Picture {
        let picture = RgbImage::from_pixel(40, 40, Rgb([shade; 3]));
        keep(dir, Uuid::from_u128(0xabcd_ef12 << 96), process, &picture).expect("kept")
    }

    #[test]
    fn pictures_that_show_the_same_share_a_file_and_others_do_not() {
        let dir = tempfile::tempdir().expect("tempdir");
        let pictures = [0, 0, 200, 200, 0].map(|shade| kept(dir.path(), PROCESS, shade));
        let told: Vec<_> = pictures.iter().map(|picture| (picture.file.as_str(), picture.changed)).collect();
        let one = "screens/abcdef12-4711-100-1.png";
        let (two, three) = (&one.replace("-1.", "-2."), &one.replace("-1.", "-3."));
        let expected = [
            (one, None),
            (one, Some(false)),
            (two.as_str(), Some(true)),
            (two, Some(false)),
            (three, Some(true)),
        ];
        assert_eq!(told, expected);
        assert!(pictures[0].black && !pictures[2].black);
    }

    #[test]
    fn another_process_has_pictures_of_its_own_and_nothing_is_left_aside() {
        let dir = tempfile::tempdir().expect("tempdir");
        kept(dir.path(), PROCESS, 0);
        let other = kept(dir.path(), ProcessId { pid: 471, ..PROCESS }, 0);
        assert_eq!(other.changed, None);
        let screens = dir.path().join(DIR);
        assert_eq!(fs::read_dir(&screens).expect("listed").count(), 2);
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&screens) & 0o027, mode(&dir.path().join(&other.file))), (0o000, 0o640));
    }

    #[test]
    fn the_tenth_picture_comes_after_the_ninth() {
        let dir = tempfile::tempdir().expect("tempdir");
        let kept: Vec<_> = (0..11).map(|number| kept(dir.path(), PROCESS, number * 20)).collect();
        assert!(kept[10].file.ends_with("-11.png"), "{kept:?}");
    }
}
