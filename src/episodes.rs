//! From the journal's directory to episodes, and from those to the exit code.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use softoff_analyzer::episode::Verdict;
use softoff_analyzer::{Analysis, AsOf, Episode, GuestLogs};
use softoff_journal::{Defect, DefectKind, Reader, Stamp};
use softoff_reports::visible;

/// Warnings of one kind that are printed in full; the rest is counted.
const WARNINGS_OF_A_KIND: usize = 3;

/// Where episodes come from, and how they are judged.
#[derive(Debug)]
pub struct Recorded<'a> {
    /// The directory of the journal.
    pub dir: &'a Path,
    /// How long a shutdown may take before it is slow.
    pub slow_after: Duration,
}

/// All recorded episodes, oldest first. What could not be read is warned of on stderr; a journal of
/// which nothing can be read is an error.
pub fn load(recorded: &Recorded<'_>) -> anyhow::Result<Vec<Episode>> {
    Ok(analysis(recorded)?.episodes)
}

/// The same, and what could not be read.
pub fn analysis(recorded: &Recorded<'_>) -> anyhow::Result<Analysis> {
    let dir = recorded.dir;
    let slow = u64::try_from(recorded.slow_after.as_nanos()).unwrap_or(u64::MAX);
    let mut entries = 0_u64;
    let items = Reader::open(dir)?.inspect(|item| entries += u64::from(item.is_ok()));
    let analysis = softoff_analyzer::analyze_with(guest_logs(dir)?, items, now(), slow);
    warn(&analysis.defects);
    let unusable = analysis.defects.iter().any(|defect| !matches!(defect.kind, DefectKind::Empty));
    if entries == 0 && unusable {
        bail!(
            "nothing in the journal {} can be read, see the warnings above; name another directory with \
             --journal, or record into an empty one with `softoff install` and `softoff trace`",
            dir.display()
        );
    }
    Ok(analysis)
}

/// Guests' own event logs, which have to be known before the episodes they are joined to. What cannot
/// be read in them is warned of when all is read.
fn guest_logs(dir: &Path) -> anyhow::Result<GuestLogs> {
    let mut logs = GuestLogs::default();
    for item in Reader::open_those(dir, is_guest_log)? {
        match item {
            Ok(entry) => logs.push(&entry),
            Err(defect) => logs.defect(&defect),
        }
    }
    Ok(logs)
}

fn is_guest_log(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"imported.evtx."))
}

/// The present, by which an open episode is judged; of another machine's journal it says nothing.
fn now() -> Option<AsOf> {
    let boot_id = softoff_journal::writer::boot_id().ok()?;
    Some(AsOf { boot_id, boot_ns: Stamp::now().boot_ns })
}

fn warn(defects: &[Defect]) {
    let mut kinds: BTreeMap<&str, Vec<&Defect>> = BTreeMap::new();
    for defect in defects {
        kinds.entry(kind(&defect.kind)).or_default().push(defect);
    }
    for (kind, defects) in kinds {
        for defect in defects.iter().take(WARNINGS_OF_A_KIND) {
            eprintln!("softoff: warning: {}", visible(&defect.to_string()));
        }
        if let more @ 1.. = defects.len().saturating_sub(WARNINGS_OF_A_KIND) {
            eprintln!("softoff: warning: {more} more {kind}");
        }
    }
}

/// What the defects of a kind are called when they are many.
const fn kind(kind: &DefectKind) -> &'static str {
    match kind {
        DefectKind::Torn(_) => "torn or corrupt lines",
        DefectKind::UnknownKind => "records of an unknown kind",
        DefectKind::TooLong => "lines that are too long",
        DefectKind::Foreign => "files that are not softoff's",
        DefectKind::Empty => "empty files",
        DefectKind::Newer(_) => "files of a newer softoff",
        DefectKind::Unreadable(_) => "files that cannot be read",
    }
}

/// Says that there is nothing to show, and what to do about it; that is no error.
pub fn say_empty(dir: &Path) -> ExitCode {
    eprintln!(
        "softoff: no shutdowns recorded in {}; `softoff install` and `softoff trace` record them, \
         `softoff import qemu-log /var/log/libvirt/qemu` takes what libvirt's logs tell already, \
         --journal DIR looks elsewhere",
        dir.display()
    );
    ExitCode::SUCCESS
}

/// 1 where an episode is slow or failed, else 0.
pub fn exit_code<'a>(shown: impl IntoIterator<Item = &'a Episode>) -> ExitCode {
    ExitCode::from(u8::from(shown.into_iter().any(is_finding)))
}

/// Whether there is something to explain.
pub fn is_finding(episode: &Episode) -> bool {
    matches!(episode.verdict, Verdict::Slow | Verdict::Failed)
}
