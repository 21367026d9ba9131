//! What a domain's log alone tells, and what it adds to what was recorded.

mod story;

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use softoff_analyzer::episode::{Outcome, Source, Tier, Verdict};
use softoff_analyzer::limits::SLOW;
use softoff_analyzer::{Cause, Episode, analyze};
use softoff_journal::record::{Clocks, Death, DomainLog, LogEntry, Provenance, ShutoffReason, Termination};
use softoff_journal::{Entry, Event, Origin, Record};
use story::Story;
use uuid::Uuid;

/// A log of `web-1`, in seconds after the story's moment.
#[derive(Default)]
struct Log(Vec<(f64, LogEntry)>);

impl Log {
    fn with(mut self, seconds: f64, entry: LogEntry) -> Self {
        self.0.push((seconds, entry));
        self
    }

    fn start(self, seconds: f64) -> Self {
        let uuid = Some(story::UUID);
        self.with(seconds, LogEntry::Starting { libvirt: None, qemu: None, host: None, uuid })
    }

    fn ended_on(self, seconds: f64, by: Option<&str>) -> Self {
        let name = by.map(str::to_owned);
        self.with(seconds, LogEntry::Terminating(Termination { signal: 15, pid: Some(7), name }))
    }

    fn off(self, seconds: f64, reason: Option<ShutoffReason>) -> Self {
        self.with(seconds, LogEntry::ShuttingDown { reason })
    }

    fn died(self, seconds: f64, how: Death) -> Self {
        self.with(seconds, LogEntry::Died { how, text: "its words <b>".to_owned(), stamped: false })
    }

    fn entries(&self) -> Vec<Entry> {
        let provenance = Provenance {
            schema: softoff_journal::SCHEMA.to_owned(),
            writer: "qemu-log".to_owned(),
            version: "0".to_owned(),
            host: "host-a.example.org".to_owned(),
            boot_id: Uuid::from_u128(0x109),
            kernel: String::new(),
            clocks: Clocks { boot_ns: String::new(), wall: String::new() },
        };
        let origin = Arc::new(Origin { path: "log.jsonl".into(), provenance });
        let entry = |(line, (seconds, entry)): (u64, &(f64, LogEntry))| {
            let wall = wall(*seconds);
            let log = DomainLog { domain: "web-1".to_owned(), line, entry: entry.clone() };
            let boot_ns =
                u64::try_from(wall.timestamp_nanos_opt().expect("this century")).expect("after 1970");
            Entry {
                origin: Arc::clone(&origin),
                record: Record { boot_ns, wall, event: Event::DomainLog(log) },
            }
        };
        (1..).zip(&self.0).map(entry).collect()
    }

    fn episodes(&self) -> Vec<Episode> {
        analyze(self.entries().into_iter().map(Ok), None, SLOW).episodes
    }

    fn episode(&self) -> Episode {
        let mut episodes = self.episodes();
        assert_eq!(episodes.len(), 1, "{episodes:#?}");
        episodes.remove(0)
    }

    fn beside(&self, story: &Story) -> Vec<Episode> {
        let all = story.entries().into_iter().chain(self.entries());
        analyze(all.map(Ok), None, SLOW).episodes
    }
}

/// On the clock of the stories.
#[expect(clippy::cast_possible_truncation, reason = "some years at most")]
fn wall(seconds: f64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).expect("a date")
        + Duration::nanoseconds(i64::try_from(story::at(0.0)).expect("small"))
        + Duration::microseconds((seconds * 1e6) as i64)
}

const LIBVIRT: Option<&str> = Some("/usr/sbin/libvirtd");

#[test]
fn an_end_is_told_with_its_time_and_without_a_verdict_on_its_length() {
    let episode =
        Log::default().start(-900.0).ended_on(0.0, LIBVIRT).off(0.4, Some(ShutoffReason::Shutdown)).episode();
    assert_eq!((episode.outcome, episode.verdict), (Outcome::Soft, Verdict::Unknown));
    assert_eq!((episode.completeness.tier, episode.ended_at), (Tier::Log, Some(wall(0.4))));
    assert_eq!(
        (episode.request.at, episode.duration_seconds, episode.domain.uuid),
        (None, None, Some(story::UUID))
    );
}

#[test]
fn libvirts_words_decide() {
    let told = |reason| {
        let episode = Log::default().start(-9.0).ended_on(0.0, LIBVIRT).off(0.4, reason).episode();
        (episode.outcome, episode.verdict)
    };
    assert_eq!(told(Some(ShutoffReason::Destroyed)), (Outcome::Hard, Verdict::Failed));
    assert_eq!(told(Some(ShutoffReason::Saved)), (Outcome::Saved, Verdict::Clean));
    assert_eq!(told(Some(ShutoffReason::Migrated)), (Outcome::Migrated, Verdict::Clean));
    assert_eq!(told(Some(ShutoffReason::Crashed)), (Outcome::Crashed, Verdict::Failed));
    assert_eq!(told(None), (Outcome::Unknown, Verdict::Unknown));
}

#[test]
fn a_saved_domain_is_ended_after_libvirts_word() {
    let log = Log::default().start(-9.0).off(0.0, Some(ShutoffReason::Saved)).ended_on(0.1, LIBVIRT);
    assert_eq!(log.episode().outcome, Outcome::Saved);
}

#[test]
fn a_start_that_failed_and_a_run_without_an_end_are_no_episodes() {
    let failed = Some(ShutoffReason::Failed);
    assert_eq!(Log::default().start(0.0).off(0.2, failed.clone()).ended_on(0.3, LIBVIRT).episodes(), []);
    assert_eq!(Log::default().start(0.0).ended_on(0.1, LIBVIRT).off(0.2, failed).episodes(), []);
    assert_eq!(
        Log::default()
            .start(0.0)
            .ended_on(5.0, LIBVIRT)
            .start(9000.0)
            .died(9001.0, Death::Assertion)
            .episodes(),
        []
    );
}

#[test]
fn runs_are_told_one_by_one_from_a_first_end_without_a_start() {
    let mut log = Log::default().off(-1.0, Some(ShutoffReason::Destroyed));
    for day in 0..30 {
        let at = f64::from(day) * 86_400.0;
        log = log.start(at).ended_on(at + 9.0, LIBVIRT).off(at + 9.5, Some(ShutoffReason::Shutdown));
    }
    assert_eq!(log.episodes().len(), 31);
}

#[test]
fn who_sent_the_signal_is_told_by_qemus_last_word_on_it() {
    let killed =
        Log::default().start(-9.0).ended_on(0.0, Some("/bin/evil")).off(0.2, Some(ShutoffReason::Shutdown));
    assert_eq!(killed.episode().cause.code, Cause::HostKilled);
    let forged = Log::default()
        .start(-9000.0)
        .ended_on(-8000.0, Some("/bin/evil"))
        .ended_on(0.0, LIBVIRT)
        .off(0.2, Some(ShutoffReason::Shutdown));
    assert_eq!(forged.episode().outcome, Outcome::Soft);
}

#[test]
fn deaths_are_named_and_quoted() {
    for (how, cause) in [
        (Death::GuestPanic, Cause::GuestCrashed),
        (Death::Assertion, Cause::HostQemuCrash),
        (Death::KvmError, Cause::HostQemuCrash),
        (Death::OutOfMemory, Cause::HostQemuCrash),
    ] {
        let episode =
            Log::default().start(-9.0).died(0.0, how).off(0.0, Some(ShutoffReason::Crashed)).episode();
        assert_eq!((episode.cause.code, episode.outcome), (cause, Outcome::Crashed), "{how:?}");
        let quoted = |text: &str| text == "the domain's log says: its words <b>";
        assert!(
            episode.evidence.iter().any(|e| quoted(&e.text) && e.source == Source::QemuLog && e.weight > 0.0)
        );
    }
}

#[test]
fn a_death_that_the_run_survived_is_no_cause() {
    let clean = Log::default().start(-9.0).died(-5.0, Death::Assertion).ended_on(0.0, LIBVIRT);
    assert_eq!(clean.off(0.2, Some(ShutoffReason::Shutdown)).episode().outcome, Outcome::Soft);
    let restarted = Log::default().start(-90_000.0).died(-80_000.0, Death::GuestPanic);
    let episode = restarted.off(0.0, Some(ShutoffReason::Crashed)).episode();
    assert_ne!(episode.cause.code, Cause::GuestCrashed);
    let vanished = Log::default().start(-9.0).off(0.0, Some(ShutoffReason::Crashed)).episode();
    assert_eq!((vanished.cause.code, vanished.outcome), (Cause::None, Outcome::Crashed));
}

#[test]
fn what_was_recorded_is_not_told_again_and_takes_over_the_words_of_a_death() {
    let recorded = Story::watched().heard(0.0).s5(3.0).torn_down(3.0);
    let log = Log::default().start(-100.0).ended_on(3.1, LIBVIRT).off(3.2, Some(ShutoffReason::Shutdown));
    assert_eq!(log.beside(&recorded), recorded.episodes());
    let crashed = Story::default().started(-100.0).released(8.0, Some(ShutoffReason::Crashed));
    let log = Log::default().start(-100.0).died(7.9, Death::Assertion).off(7.9, Some(ShutoffReason::Crashed));
    let told = log.beside(&crashed);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].boot_id, story::BOOT);
    assert!(
        told[0].evidence.iter().any(|evidence| evidence.text.contains("its words <b>")),
        "{:#?}",
        told[0]
    );
}

#[test]
fn another_end_of_the_same_domain_stands_beside_it_in_the_order_of_time() {
    let recorded = Story::watched().heard(0.0).s5(3.0).torn_down(3.0);
    let log = Log::default()
        .start(-9000.0)
        .off(-8000.0, Some(ShutoffReason::Shutdown))
        .start(100.0)
        .off(200.0, Some(ShutoffReason::Destroyed));
    let told: Vec<_> = log.beside(&recorded).into_iter().map(|episode| episode.completeness.tier).collect();
    assert_eq!(told, [Tier::Log, Tier::Probe, Tier::Log]);
}
