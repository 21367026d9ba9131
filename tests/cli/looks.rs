//! What was seen of a guest itself, in what softoff prints and writes.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use crate::journal::{Story, clean, ignoring, recorded};
use crate::softoff;

const TRACKER: &str = "Shutdown Event Tracker\n\u{1b}[2J<script>\u{202e}";

/// `db-1` shows a dialog 20 s after it was asked, and the picture of it is in the journal.
fn looked_at() -> TempDir {
    let dir = recorded(&[clean(), asked()]);
    fs::create_dir(dir.path().join("screens")).expect("a directory");
    fs::write(dir.path().join("screens/3620.png"), a_png()).expect("a picture");
    dir
}

fn asked() -> Story {
    ignoring().looked(3620.0, Some(TRACKER))
}

fn a_png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = png::Encoder::new(&mut bytes, 4, 1).write_header().expect("a header");
    writer.write_image_data(&[0xff; 4]).expect("dots");
    drop(writer);
    bytes
}

fn page(dir: &TempDir) -> String {
    assert_eq!(softoff(dir.path(), &["report", "-o", "page.html"]).code, 1);
    fs::read_to_string(dir.path().join("page.html")).expect("a page")
}

#[test]
fn explain_names_the_cause_quotes_the_screen_and_says_where_its_picture_is() {
    let dir = looked_at();
    let ended = softoff(dir.path(), &["explain", "db-1"]);
    assert!(ended.stdout.contains("guest.shutdown-tracker"), "{}", ended.stdout);
    let unwrapped = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let place = dir.path().join("screens/3620.png");
    assert!(unwrapped.contains(&format!("(picture: {})", place.display())), "{}", ended.stdout);
    assert!(unwrapped.contains("“Shutdown Event Tracker \\u{1b}[2J<script>\\u{202e}”"), "{}", ended.stdout);
    for acts in ['\u{1b}', '\u{202e}'] {
        assert!(!ended.stdout.contains(acts), "{:?}", ended.stdout);
    }
}

#[test]
fn report_holds_the_picture_itself() {
    let page = page(&looked_at());
    assert_eq!(page.matches("<img src=\"data:image/png;base64,iVBORw0KGgo").count(), 1, "{page}");
    assert!(!page.contains("<script>"));
}

#[test]
fn report_says_why_a_picture_is_not_there_and_holds_everything_else() {
    let dir = recorded(&[clean(), asked()]);
    let page = page(&dir);
    assert!(page.contains("No picture: the file is not there."), "{page}");
    assert!(page.contains("guest.shutdown-tracker"));
}

#[test]
fn a_journal_from_elsewhere_cannot_put_another_file_into_the_page() {
    let dir = recorded(&[clean(), asked()]);
    let secret = tempfile::tempdir().expect("a directory");
    fs::write(secret.path().join("3620.png"), a_png()).expect("a picture");
    symlink(secret.path(), dir.path().join("screens")).expect("a link");
    let page = page(&dir);
    assert!(page.contains("No picture: its name leads out of the journal&#39;s directory."), "{page}");
    assert!(!page.contains("data:image"));
}
