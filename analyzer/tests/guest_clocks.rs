//! What holds for any guest's event log and any clock it is written by.

mod story;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use softoff_analyzer::Episode;
use softoff_analyzer::guest_log::GuestLogs;
use softoff_journal::Entry;
use softoff_journal::record::{Coverage, WindowsEntry};
use story::{GuestStory, Story, episodes_with};

const WINLOGON: &str = "C:\\Windows\\system32\\winlogon.exe";

/// One shutdown of a fleet's guest: hours to the next one, how long each part takes, and whether the
/// host and the guest's log have it.
#[derive(Debug, Clone, Copy)]
struct Shutdown {
    hours: f64,
    act: f64,
    work: f64,
    s5: f64,
    logged: bool,
}

fn shutdowns(missing: bool) -> impl Strategy<Value = Vec<Shutdown>> {
    let logged = prop_oneof![3 => Just(true), 1 => Just(!missing)];
    let one = (2.0..60.0_f64, 0.05..2.0_f64, 1.0..40.0_f64, 0.0..3.0_f64, logged);
    let one = one.prop_map(|(hours, act, work, s5, logged)| Shutdown { hours, act, work, s5, logged });
    vec(one, 6..14)
}

/// The host's stories, and the guest's log by a clock that is `ahead` and drifts by so many seconds a day.
fn fleet(shutdowns: &[Shutdown], ahead: f64, drift: f64) -> (Vec<Story>, GuestStory) {
    let mut at = 0.0;
    let (mut stories, mut guest) = (Vec::new(), GuestStory::new(ahead));
    for (number, shutdown) in (0..).zip(shutdowns) {
        at += shutdown.hours * 3600.0;
        let mut story = Story::default();
        story.process.pid += number;
        story.process.start_ticks += u64::from(number);
        let story = story.started(at - 100.0).found(at - 100.0, Coverage::Symbols);
        let stopped = at + shutdown.act + shutdown.work;
        let s5 = stopped + shutdown.s5;
        stories.push(story.heard(at).s5(s5).torn_down(s5));
        if shutdown.logged {
            let late = |seconds: f64| seconds + drift * seconds / 86_400.0;
            let asked = at + shutdown.act;
            guest = guest.asked(late(asked), WINLOGON, "0x500ff").marks(
                late(asked + 0.2 * shutdown.work),
                late(asked + 0.5 * shutdown.work),
                late(asked + 0.8 * shutdown.work),
                late(stopped),
            );
            guest = guest.boots(late(stopped + 600.0));
        }
    }
    (stories, guest)
}

/// Each host's episode that was joined shows an offset that holds the true one.
fn check(episodes: &[Episode], shutdowns: &[Shutdown], ahead: f64, drift: f64) -> usize {
    let mut at = 0.0;
    let hosts: Vec<&Episode> = episodes.iter().filter(|episode| episode.qemu.is_some()).collect();
    assert_eq!(hosts.len(), shutdowns.len());
    let mut joined = 0;
    for (episode, shutdown) in hosts.into_iter().zip(shutdowns) {
        at += shutdown.hours * 3600.0;
        let Some(log) = &episode.guest_log else { continue };
        joined += 1;
        assert!(shutdown.logged, "what the log does not hold was joined: {episode:#?}");
        let truth = ahead + drift * at / 86_400.0;
        let (offset, about) = (log.clock_offset_seconds.unwrap(), log.clock_uncertainty_seconds.unwrap());
        assert!((offset - truth).abs() <= about + 0.05, "{offset} ± {about}, in truth {truth}");
    }
    joined
}

/// Any event, whether it makes sense or not.
fn any_entry() -> impl Strategy<Value = WindowsEntry> {
    let asked = |code: &str| WindowsEntry::Asked {
        process: "a.exe".to_owned(),
        reason_code: code.to_owned(),
        kind: "restart".to_owned(),
        user: String::new(),
    };
    select(vec![
        asked("0x500ff"),
        asked("0x80020010"),
        WindowsEntry::Refused,
        WindowsEntry::CalledOff,
        WindowsEntry::Explained,
        WindowsEntry::LogStarted,
        WindowsEntry::LogStopped,
        WindowsEntry::Unexpected { last_alive: None },
        WindowsEntry::PowerLost { bugcheck: 159 },
        WindowsEntry::Sleep { target: 4, effective: Some(4), reason: Some(0) },
        WindowsEntry::Sleep { target: 6, effective: Some(5), reason: None },
        WindowsEntry::Resumed,
        WindowsEntry::KernelShutdown { action: Some(6) },
        WindowsEntry::KernelStarted,
        WindowsEntry::KernelStopped,
        WindowsEntry::LoggedOn,
        WindowsEntry::LoggedOff,
        WindowsEntry::Service { event: 7043, name: "x".to_owned() },
        WindowsEntry::Vetoed { event: 9, name: "y".to_owned() },
        WindowsEntry::ServicingPending,
        WindowsEntry::BugCheck { code: "0x1".to_owned() },
        WindowsEntry::ShutdownTimes { milliseconds: vec![("ShutdownKernelTime".to_owned(), u64::MAX)] },
        WindowsEntry::Slowed { event: 203, name: "z".to_owned(), milliseconds: u64::MAX },
    ])
}

fn chaos() -> impl Strategy<Value = GuestStory> {
    vec((-900.0..900.0_f64, any_entry()), 0..40).prop_map(|events| {
        let log =
            |log: GuestStory, (at, entry): (f64, WindowsEntry)| log.says((at * 4.0).round() / 4.0, entry);
        events.into_iter().fold(GuestStory::new(0.0), log)
    })
}

fn cycles(entries: &[Entry]) -> String {
    let mut logs = GuestLogs::default();
    for entry in entries {
        logs.push(entry);
    }
    format!("{:?}", logs.machines().into_iter().map(|machine| machine.cycles).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_clock_that_is_off_by_hours_and_drifts_is_found(
        shutdowns in shutdowns(false), ahead in -40_000.0..40_000.0_f64, drift in -2.0..2.0_f64,
    ) {
        let (stories, guest) = fleet(&shutdowns, ahead, drift);
        let episodes = episodes_with(&stories, &[guest]);
        let joined = check(&episodes, &shutdowns, ahead, drift);
        // Where two of them are as far apart as the clock is off, one may stay alone.
        prop_assert!(joined * 2 >= shutdowns.len(), "{joined} of {}", shutdowns.len());
    }

    #[test]
    fn a_clock_that_is_about_right_joins_all_that_the_log_holds(
        shutdowns in shutdowns(true), ahead in -50.0..50.0_f64, drift in -1.0..1.0_f64,
    ) {
        let (stories, guest) = fleet(&shutdowns, ahead, drift);
        let episodes = episodes_with(&stories, &[guest]);
        let logged = shutdowns.iter().filter(|shutdown| shutdown.logged).count();
        prop_assert_eq!(check(&episodes, &shutdowns, ahead, drift), logged);
        prop_assert_eq!(episodes.len(), shutdowns.len(), "nothing stands alone");
    }

    #[test]
    fn the_order_in_which_events_come_changes_nothing(log in chaos(), order in any::<u64>()) {
        let entries = log.entries();
        let mut shuffled = entries.clone();
        let mut seed = order;
        for at in (1..shuffled.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let other = usize::try_from(seed >> 33).expect("31 bits") % (at + 1);
            shuffled.swap(at, other);
        }
        prop_assert_eq!(cycles(&shuffled), cycles(&entries));
    }

    #[test]
    fn whatever_a_log_holds_no_phase_is_negative_and_nothing_panics(log in chaos()) {
        let story = Story::watched().heard(0.0).s5(20.0).torn_down(20.0);
        for episode in episodes_with(&[story], &[log]) {
            let phases = episode.guest_log.map(|log| log.phases).unwrap_or_default();
            prop_assert!(phases.iter().all(|phase| phase.seconds >= 0.0), "{phases:?}");
            prop_assert!(phases.windows(2).all(|pair| pair[0].name < pair[1].name), "{phases:?}");
            prop_assert!((0.0..=1.0).contains(&episode.cause.confidence));
        }
    }

    #[test]
    fn a_log_that_lacks_some_marks_joins_by_those_it_has(kept in subsequence(vec![0_usize, 1, 2, 3], 1..=4)) {
        let mut guest = GuestStory::new(2.0).asked(0.3, WINLOGON, "0x500ff").marks(1.0, 2.0, 3.0, 4.0);
        let mut number = 0;
        guest.events.retain(|(_, _, entry)| match entry {
            WindowsEntry::LoggedOff | WindowsEntry::LogStopped | WindowsEntry::KernelShutdown { .. }
            | WindowsEntry::KernelStopped => {
                number += 1;
                kept.contains(&(number - 1))
            }
            _ => true,
        });
        let story = Story::watched().heard(0.0).s5(5.0).torn_down(5.0);
        let episodes = episodes_with(&[story], &[guest]);
        prop_assert!(episodes[0].guest_log.is_some(), "{episodes:#?}");
    }
}
