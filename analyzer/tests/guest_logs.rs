//! Guests' own event logs beside a host's journal: what they change in the answer, and what they must not.

mod story;

use softoff_analyzer::Cause;
use softoff_analyzer::episode::{
    Episode, GuestLogEnd, GuestLogType, GuestPhaseName, Outcome, Source, Tier, Verdict,
};
use softoff_journal::record::WindowsEntry;
use story::{GuestStory, QUIET, Story, episodes_with, idle};

use GuestPhaseName::{Kernel, Preshutdown, Services, Sessions};

const SVCHOST: &str = "C:\\Windows\\system32\\svchost.exe";
const WINLOGON: &str = "C:\\Windows\\system32\\winlogon.exe";

/// A guest that is off after `seconds`, as the host sees it.
fn off_after(seconds: f64) -> Story {
    Story::watched().heard(0.0).s5(seconds).torn_down(seconds)
}

/// A guest that acknowledges, idles and is cut off.
fn ignoring(seconds: u32) -> Story {
    let cut = f64::from(seconds);
    let story = Story::watched().heard(0.0).measured(0, seconds, idle(), QUIET);
    story.terminated(cut, "libvirtd").exit(cut + 0.1).released(cut + 0.2, None)
}

fn joined(story: Story, guest: GuestStory) -> Episode {
    let mut episodes = episodes_with(&[story], &[guest]);
    assert_eq!(episodes.len(), 1, "{episodes:#?}");
    episodes.remove(0)
}

fn says(episode: &Episode, text: &str) -> bool {
    episode.evidence.iter().any(|evidence| evidence.source == Source::Evtx && evidence.text.contains(text))
}

#[test]
fn a_slow_shutdown_is_explained_by_the_phase_that_its_guest_spent_it_in() {
    let alone = off_after(90.0).episode();
    assert_eq!((alone.verdict, alone.cause.code), (Verdict::Slow, Cause::None), "{:?}", alone.candidates);
    let guest =
        GuestStory::new(3.0).asked(0.4, WINLOGON, "0x500ff").marks(85.0, 86.0, 88.0, 89.5).boots(200.0);
    let episode = joined(off_after(90.0), guest);
    assert_eq!(episode.cause.code, Cause::GuestAppBlocked, "{:?}", episode.candidates);
    assert_eq!(episode.completeness.tier, Tier::Guest);
    let log = episode.guest_log.as_ref().expect("joined");
    assert_eq!((log.ended, log.r#type), (GuestLogEnd::Clean, Some(GuestLogType::PowerOff)));
    let names: Vec<_> = log.phases.iter().map(|phase| phase.name).collect();
    assert_eq!(names, [Sessions, Preshutdown, Services, Kernel]);
    assert!((log.phases[0].seconds - 84.6).abs() < 1e-6, "{:?}", log.phases);
    let (offset, about) =
        (log.clock_offset_seconds.expect("known"), log.clock_uncertainty_seconds.expect("known"));
    assert!((offset - 3.0).abs() <= about && about <= 5.5, "{offset} ± {about}");
    assert!(says(&episode, "winlogon.exe asked it to power off"), "{:#?}", episode.evidence);
}

#[test]
fn updates_are_named_where_the_reason_or_servicing_says_so_and_services_where_not() {
    let slow = |guest: GuestStory| guest.marks(1.0, 80.0, 84.0, 85.0).boots(200.0);
    let by_reason = slow(GuestStory::new(0.0).asked(0.5, SVCHOST, "0x80020010"));
    assert_eq!(joined(off_after(86.0), by_reason).cause.code, Cause::GuestUpdate);
    let pending = GuestStory::new(0.0).says_in(-900.0, "Setup", WindowsEntry::ServicingPending);
    let pending = slow(pending.asked(0.5, WINLOGON, "0x500ff"));
    assert_eq!(joined(off_after(86.0), pending).cause.code, Cause::GuestUpdate);
    let hung = WindowsEntry::Service { event: 7043, name: "Print Spooler (Spooler)".to_owned() };
    let named = slow(GuestStory::new(0.0).asked(0.5, WINLOGON, "0x500ff").says(60.0, hung));
    let episode = joined(off_after(86.0), named);
    assert_eq!(episode.cause.code, Cause::GuestSlowServices);
    assert_eq!(episode.guest_log.expect("joined").culprits[0].name, "Print Spooler (Spooler)");
}

#[test]
fn the_update_orchestrators_7043_alone_blames_nobody() {
    let harmless =
        WindowsEntry::Service { event: 7043, name: "Update Orchestrator Service (UsoSvc)".to_owned() };
    let guest = GuestStory::new(0.0).asked(0.5, WINLOGON, "0x500ff").says(1.5, harmless);
    let episode = joined(off_after(6.0), guest.marks(1.0, 2.0, 4.0, 5.0));
    assert_eq!(episode.cause.code, Cause::None);
    assert_eq!(episode.guest_log.expect("joined").culprits, []);
}

#[test]
fn a_log_that_covers_the_time_and_holds_no_request_shows_that_windows_never_acted() {
    let alone = ignoring(20).episode();
    let has = |episode: &Episode, cause| episode.candidates.iter().any(|candidate| candidate.code == cause);
    assert_eq!(alone.cause.code, Cause::GuestIgnored);
    assert!(has(&alone, Cause::GuestAppBlocked));
    let guest = GuestStory::new(1.0).boots_after_a_cut(120.0, -10.0);
    let episode = joined(ignoring(20), guest);
    assert!(says(&episode, "holds no request"), "{:#?}", episode.evidence);
    assert_eq!(episode.cause.code, Cause::GuestIgnored, "three causes are left: {:?}", episode.candidates);
    assert!(!has(&episode, Cause::GuestAppBlocked), "{:?}", episode.candidates);
    assert!(has(&episode, Cause::GuestLogonRequired));
}

#[test]
fn a_log_that_is_damaged_or_ends_too_early_proves_nothing_by_what_is_absent() {
    let damaged = GuestStory { damaged: true, ..GuestStory::new(1.0).boots_after_a_cut(120.0, -10.0) };
    assert!(!says(&joined(ignoring(20), damaged), "holds no request"));
    let mut early = GuestStory::new(0.0);
    early.events.retain(|(seconds, ..)| *seconds < 0.0);
    assert!(!says(&joined(ignoring(20), early), "holds no request"));
}

#[test]
fn an_application_that_held_the_session_until_the_power_was_cut_is_named_from_inside() {
    let veto = WindowsEntry::Vetoed { event: 9, name: "notepad.exe".to_owned() };
    let guest = GuestStory::new(0.0).asked(0.5, WINLOGON, "0x500ff").says(5.0, veto);
    let episode = joined(ignoring(40), guest.boots_after_a_cut(120.0, 39.0));
    assert_eq!(episode.cause.code, Cause::GuestAppBlocked, "{:?}", episode.candidates);
    assert!(says(&episode, "notepad.exe"), "{:#?}", episode.evidence);
    let log = episode.guest_log.expect("joined");
    assert_eq!(log.ended, GuestLogEnd::Unexpected);
}

#[test]
fn a_tracker_that_was_answered_late_is_named() {
    let guest = GuestStory::new(0.0)
        .asked(70.0, "C:\\Windows\\Explorer.EXE", "0x85000000")
        .asked(78.0, WINLOGON, "0x500ff")
        .marks(79.0, 80.0, 82.0, 83.0);
    let episode = joined(off_after(84.0), guest);
    assert_eq!(episode.cause.code, Cause::GuestShutdownTracker, "{:?}", episode.candidates);
    assert_eq!(episode.guest_log.expect("joined").process.as_deref(), Some("C:\\Windows\\Explorer.EXE"));
}

#[test]
fn a_guest_whose_clock_is_hours_off_is_joined_only_where_several_shutdowns_agree() {
    let hours = 7.0 * 3600.0;
    let guest = GuestStory::new(hours).asked(0.5, WINLOGON, "0x500ff").marks(1.0, 2.0, 3.0, 5.0);
    let episodes = episodes_with(&[off_after(6.0)], std::slice::from_ref(&guest));
    assert_eq!(episodes.len(), 2, "the cycle stands for itself");
    let host = episodes.iter().find(|episode| episode.qemu.is_some()).expect("the host's");
    assert!(host.guest_log.is_none() && says(host, "not joined"), "{:#?}", host.evidence);

    let at = [0.0, 7_000.0, 31_000.0, 55_500.0];
    let mut guest = GuestStory::new(hours);
    let mut stories = Vec::new();
    for (number, at) in (0..).zip(at) {
        let mut story = Story::default();
        story.process.pid += number;
        story.process.start_ticks += u64::from(number);
        let story = story.started(at - 100.0).found(at - 100.0, softoff_journal::record::Coverage::Symbols);
        stories.push(story.heard(at).s5(at + 6.0).torn_down(at + 6.0));
        guest = guest.asked(at + 0.5, WINLOGON, "0x500ff").marks(at + 1.0, at + 2.0, at + 3.0, at + 5.0);
        guest = guest.boots(at + 60.0);
    }
    let episodes = episodes_with(&stories, &[guest]);
    assert_eq!(episodes.len(), 4);
    for episode in episodes {
        let offset = episode.guest_log.expect("joined").clock_offset_seconds.expect("known");
        assert!((offset - hours).abs() < 6.0, "{offset}");
    }
}

#[test]
fn a_guests_shutdown_that_no_host_recorded_is_an_episode_of_its_own() {
    let guest =
        GuestStory::new(0.0).asked(0.0, SVCHOST, "0x80020010").marks(2.0, 90.0, 92.0, 93.0).boots(120.0);
    let guest = GuestStory { domain: None, ..guest };
    let mut episodes = episodes_with(&[], &[guest]);
    assert_eq!(episodes.len(), 1);
    let episode = episodes.remove(0);
    assert_eq!(episode.domain.name.as_deref(), Some("WIN-1"));
    assert_eq!((episode.outcome, episode.verdict), (Outcome::Soft, Verdict::Slow));
    assert_eq!((episode.cause.code, episode.completeness.tier), (Cause::GuestUpdate, Tier::Guest));
    assert!(episode.guest_log.expect("its own").clock_offset_seconds.is_none());
    assert!(episode.advice.len() >= 2 && episode.qemu.is_none());
}

#[test]
fn the_log_of_another_machine_changes_nothing() {
    let guest = GuestStory::new(0.0).asked(0.4, WINLOGON, "0x500ff").marks(85.0, 86.0, 88.0, 89.5);
    let guest = GuestStory { domain: Some("db-1".to_owned()), ..guest };
    let episodes = episodes_with(&[off_after(90.0)], &[guest]);
    let host = episodes.iter().find(|episode| episode.qemu.is_some()).expect("the host's");
    assert_eq!(*host, off_after(90.0).episode());
}

#[test]
fn a_computer_is_known_by_the_first_label_of_its_name_in_any_case() {
    let guest = GuestStory::new(0.0).asked(0.4, WINLOGON, "0x500ff").marks(1.0, 2.0, 3.0, 4.5);
    let guest = GuestStory { domain: None, computer: "WEB-1.corp.example".to_owned(), ..guest };
    assert!(joined(off_after(5.0), guest).guest_log.is_some());
}

#[test]
fn importing_a_log_twice_in_parts_that_overlap_changes_nothing() {
    let whole = GuestStory::new(0.0).asked(0.4, WINLOGON, "0x500ff").marks(1.0, 2.0, 3.0, 4.5).boots(60.0);
    let once = episodes_with(&[off_after(5.0)], std::slice::from_ref(&whole));
    assert_eq!(episodes_with(&[off_after(5.0)], &[whole.clone(), whole]), once);
}
