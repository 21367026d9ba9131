//! Each test is a story of a shutdown and what is to be made of it.

mod story;

use softoff_analyzer::Cause;
use softoff_analyzer::episode::{Episode, Outcome, Path, PhaseName, Tier, Verdict};
use softoff_journal::Event;
use softoff_journal::record::{Coverage, Operation, ShutoffReason, Sign, TracerState};
use story::Story;

use PhaseName::{Deliver, Guest, Notice, Poweroff, Release, Teardown};

fn phases(episode: &Episode) -> Vec<PhaseName> {
    episode.phases.iter().map(|phase| phase.name).collect()
}

fn judged(episode: &Episode) -> (Outcome, Verdict, Cause) {
    (episode.outcome, episode.verdict, episode.cause.code)
}

fn candidates(episode: &Episode) -> Vec<Cause> {
    episode.candidates.iter().map(|candidate| candidate.code).collect()
}

#[test]
fn a_clean_shutdown_has_all_six_phases_and_they_add_up() {
    let episode = Story::watched().heard(0.0).s5(3.0).torn_down(3.0).episode();
    assert_eq!(judged(&episode), (Outcome::Soft, Verdict::Clean, Cause::None));
    assert_eq!(phases(&episode), PhaseName::ALL);
    let sum: f64 = episode.phases.iter().map(|phase| phase.seconds).sum();
    let duration = episode.duration_seconds.expect("ended");
    assert!((sum - duration).abs() < 1e-6 && (duration - 3.16).abs() < 1e-6, "{sum} {duration}");
    assert_eq!((episode.request.path, episode.request.presses), (Path::Acpi, 1));
    assert_eq!(episode.completeness.tier, Tier::Probe);
    assert!(episode.completeness.missing.is_empty(), "{:?}", episode.completeness.missing);
    assert!(!episode.escalated && episode.risk.is_none() && episode.advice.is_empty());
}

#[test]
fn a_guest_that_acknowledges_and_ignores_is_named_once_it_is_destroyed() {
    let episode =
        Story::watched().heard(0.0).terminated(30.0, "libvirtd").exit(30.1).released(30.2, None).episode();
    assert_eq!(judged(&episode), (Outcome::Hard, Verdict::Failed, Cause::GuestIgnored));
    assert!(episode.escalated && episode.risk.is_some() && !episode.advice.is_empty());
    assert_eq!(phases(&episode), [Deliver, Notice, Guest, Teardown, Release]);
    assert!(candidates(&episode).contains(&Cause::GuestButtonDisabled));
    assert!(episode.cause.confidence > 0.9);
}

#[test]
fn the_shorter_the_wait_the_less_sure_it_is_that_a_guest_ignored_the_button() {
    let waited = |seconds| {
        let story = Story::watched().heard(0.0).terminated(seconds, "libvirtd");
        story.exit(seconds + 0.1).released(seconds + 0.2, None).episode().cause.confidence
    };
    assert!(waited(1.0) < waited(4.0) && waited(4.0) < 0.5 && waited(20.0) > 0.85 && waited(120.0) < 1.0);
}

#[test]
fn a_press_that_finds_the_button_disabled_says_nobody_listens() {
    let story = Story::watched().press(0.0, false).press(10.0, false);
    let episode = story.terminated(20.0, "libvirtd").exit(20.1).released(20.2, None).episode();
    assert_eq!(judged(&episode), (Outcome::Hard, Verdict::Failed, Cause::GuestNotListening));
    assert_eq!(phases(&episode), [Deliver, Teardown, Release]);
    assert_eq!(episode.request.presses, 2);
}

#[test]
fn a_first_press_that_was_lost_does_not_spoil_a_second_that_worked() {
    let episode = Story::watched().press(0.0, false).heard(10.0).s5(12.0).torn_down(12.0).episode();
    assert_eq!(judged(&episode), (Outcome::Soft, Verdict::Clean, Cause::None));
    assert_eq!(episode.request.presses, 2);
}

#[test]
fn a_raised_sci_that_is_never_acknowledged_has_no_certain_cause() {
    let story = Story::watched().press(0.0, true).sci(0.01).terminated(40.0, "libvirtd");
    let episode = story.exit(40.1).released(40.2, None).episode();
    assert_eq!(judged(&episode), (Outcome::Hard, Verdict::Failed, Cause::None));
    assert_eq!(episode.cause.confidence.to_bits(), 0);
    assert_eq!(candidates(&episode)[0], Cause::GuestHung);
    assert_eq!(phases(&episode), [Deliver, Notice, Teardown, Release]);
}

#[test]
fn a_guest_that_powers_itself_off_begins_with_s5() {
    let episode = Story::watched().s5(0.0).torn_down(0.0).episode();
    assert_eq!(judged(&episode), (Outcome::Soft, Verdict::Clean, Cause::None));
    assert_eq!(episode.request.path, Path::Guest);
    assert_eq!(phases(&episode), [Poweroff, Teardown, Release]);
    assert!(episode.completeness.missing.is_empty(), "{:?}", episode.completeness.missing);
}

#[test]
fn destroy_without_asking_is_the_operators_own_doing() {
    let episode = Story::watched().terminated(0.0, "libvirtd").exit(0.1).released(0.2, None).episode();
    assert_eq!(judged(&episode), (Outcome::Hard, Verdict::Failed, Cause::OperatorDestroy));
    assert_eq!(episode.request.path, Path::Destroy);
    assert!(!episode.escalated);
    assert_eq!(phases(&episode), [Teardown, Release]);
}

#[test]
fn destroy_seen_by_a_tracer_that_came_late_leaves_open_whether_anybody_asked() {
    let story = Story::default().started(-100.0).found(-5.0, Coverage::Symbols);
    let episode = story.terminated(0.0, "libvirtd").exit(0.1).released(0.2, None).episode();
    assert_eq!((episode.outcome, episode.cause.code), (Outcome::Hard, Cause::None));
    assert_eq!(candidates(&episode)[0], Cause::OperatorDestroy);
}

#[test]
fn sigterm_from_libvirt_proves_nothing_to_a_probe_that_cannot_see_s5() {
    let story = Story::default().started(-100.0).found(-100.0, Coverage::Process);
    let reason = Some(ShutoffReason::Shutdown);
    let episode = story.terminated(0.0, "libvirtd").exit(0.1).released(0.2, reason).episode();
    // libvirt's word for a power-off is the same after a kill from outside, and nobody saw how long it took.
    assert_eq!(judged(&episode), (Outcome::Soft, Verdict::Unknown, Cause::None));
    assert_eq!(episode.cause.confidence.to_bits(), 0);
}

#[test]
fn a_signal_from_a_stranger_is_named_with_its_sender() {
    for signal in [9, 15] {
        let story = Story::watched().signal(0.0, signal, "oops").exit(0.1);
        let episode = story.released(0.2, Some(ShutoffReason::Shutdown)).episode();
        assert_eq!(judged(&episode), (Outcome::Hard, Verdict::Failed, Cause::HostKilled));
        assert_eq!(episode.request.path, Path::Signal);
        assert!(
            episode.request.by.as_deref().is_some_and(|by| by.contains("oops (pid 999)")),
            "{:?}",
            episode.request
        );
    }
}

#[test]
fn an_exit_that_nobody_asked_for_is_a_crash_of_qemu() {
    let crash = Sign::Exit { status: None, signal: Some(6) };
    let story = Story::watched().signal(0.0, 6, "qemu-system-x86").sign(0.1, crash);
    let episode = story.released(0.3, Some(ShutoffReason::Crashed)).episode();
    assert_eq!(judged(&episode), (Outcome::Crashed, Verdict::Failed, Cause::HostQemuCrash));
}

#[test]
fn virsh_reboot_is_no_failed_shutdown() {
    let reset = "host-qmp-system-reset".to_owned();
    let story = Story::watched().heard(0.0).s5(2.0);
    let story = story.sign(2.1, Sign::ResetRequest { cause: reset.clone() });
    let story = story.sign(2.2, Sign::Reset { guest: false, cause: reset }).sign(2.3, Sign::Resume);
    let episode = story.episode();
    assert_eq!(judged(&episode), (Outcome::Rebooted, Verdict::Clean, Cause::None));
    assert!((episode.duration_seconds.expect("ended") - 2.1).abs() < 1e-6);
}

#[test]
fn a_guest_that_restarts_on_the_press_is_named() {
    let story = Story::watched().heard(0.0).sign(4.0, Sign::ResetRequest { cause: "guest-reset".to_owned() });
    assert_eq!(judged(&story.episode()), (Outcome::Rebooted, Verdict::Failed, Cause::GuestRebooted));
}

#[test]
fn a_guest_that_restarts_of_its_own_accord_is_no_episode() {
    let story = Story::watched().sign(4.0, Sign::ResetRequest { cause: "guest-reset".to_owned() });
    assert_eq!(story.episodes(), []);
}

#[test]
fn a_guest_that_sleeps_on_the_press_is_named() {
    let s3 = Story::watched().heard(0.0).sign(2.0, Sign::SuspendRequest).episode();
    assert_eq!(judged(&s3), (Outcome::Slept, Verdict::Failed, Cause::GuestSleep));
    assert_eq!((s3.cause.scenario, phases(&s3)), (Some(6), vec![Deliver, Notice, Guest]));
    let s4 = Story::watched().heard(0.0).sign(2.0, Sign::SuspendDisk).s5(2.001).torn_down(2.0).episode();
    assert_eq!(judged(&s4), (Outcome::Slept, Verdict::Failed, Cause::GuestSleep));
}

#[test]
fn saved_and_migrated_domains_are_no_failed_shutdowns() {
    for (reason, outcome) in
        [(ShutoffReason::Saved, Outcome::Saved), (ShutoffReason::Migrated, Outcome::Migrated)]
    {
        let story = Story::watched().sign(0.0, Sign::RunState { state: "postmigrate".to_owned() });
        let episode = story.terminated(0.5, "libvirtd").exit(0.6).released(0.7, Some(reason)).episode();
        assert_eq!(judged(&episode), (outcome, Verdict::Clean, Cause::None));
    }
}

#[test]
fn the_hook_alone_tells_the_outcome_and_admits_the_rest() {
    let story = |reason| Story::default().started(-100.0).released(0.0, Some(reason)).episode();
    let soft = story(ShutoffReason::Shutdown);
    assert_eq!((soft.outcome, soft.request.at, soft.duration_seconds), (Outcome::Soft, None, None));
    assert_eq!((soft.completeness.tier, phases(&soft)), (Tier::Hook, vec![Release]));
    assert!(soft.completeness.missing.iter().any(|text| text.contains("no probe ran")));
    let hard = story(ShutoffReason::Destroyed);
    assert_eq!(judged(&hard), (Outcome::Hard, Verdict::Failed, Cause::None));
    assert_eq!(hard.cause.confidence.to_bits(), 0);
    let crashed = story(ShutoffReason::Crashed);
    assert_eq!(judged(&crashed), (Outcome::Crashed, Verdict::Failed, Cause::None));
}

#[test]
fn the_probe_alone_ends_an_episode_with_the_process() {
    let story = Story::default().found(-100.0, Coverage::Symbols).heard(0.0).s5(3.0);
    let episode = story.terminated(3.01, "libvirtd").exit(3.05).episode();
    assert_eq!(phases(&episode), [Deliver, Notice, Guest, Poweroff, Teardown]);
    assert!(episode.completeness.missing.iter().any(|text| text.contains("no hook call")));
}

#[test]
fn a_start_that_failed_is_no_shutdown() {
    let story = Story::default().hook(0.0, Operation::Prepare, None).hook(0.1, Operation::Start, None);
    assert_eq!(story.released(0.2, Some(ShutoffReason::Failed)).episodes(), []);
    let story = Story::default().hook(0.0, Operation::Prepare, None).hook(0.1, Operation::Start, None);
    assert_eq!(story.released(0.2, None).episodes(), []);
}

#[test]
fn stopped_without_started_is_still_an_episode() {
    let episode = Story::default().released(0.0, Some(ShutoffReason::Shutdown)).episode();
    assert_eq!(episode.outcome, Outcome::Soft);
}

#[test]
fn a_request_is_pending_and_then_ignored() {
    let story = Story::watched().heard(0.0);
    let pending = story.episodes_as_of(30.0).remove(0);
    assert_eq!(
        (pending.outcome, pending.verdict, pending.duration_seconds),
        (Outcome::Pending, Verdict::Clean, None)
    );
    let late = story.episodes_as_of(90.0).remove(0);
    assert_eq!((late.outcome, late.verdict), (Outcome::Pending, Verdict::Slow));
    let ignored = story.episodes_as_of(4000.0).remove(0);
    assert_eq!(judged(&ignored), (Outcome::Ignored, Verdict::Failed, Cause::GuestIgnored));
}

#[test]
fn a_stop_long_after_an_ignored_request_is_an_episode_of_its_own() {
    let story =
        Story::watched().heard(0.0).terminated(5000.0, "libvirtd").exit(5000.1).released(5000.2, None);
    let outcomes: Vec<_> =
        story.episodes().iter().map(|episode| (episode.outcome, episode.cause.code)).collect();
    assert_eq!(outcomes, [(Outcome::Ignored, Cause::GuestIgnored), (Outcome::Hard, Cause::OperatorDestroy)]);
}

#[test]
fn a_reused_pid_is_another_process() {
    let first = Story::watched().heard(0.0).s5(3.0).torn_down(3.0);
    let mut second = Story { records: first.records, ..Story::default() };
    second.process.start_ticks += 20_000;
    let story = second.started(10.0).heard(20.0).s5(21.0).torn_down(21.0);
    let episodes = story.episodes();
    assert_eq!(episodes.len(), 2, "{episodes:#?}");
    assert!(episodes.iter().all(|episode| episode.outcome == Outcome::Soft && episode.phases.len() == 6));
    assert_ne!(episodes[0].id, episodes[1].id);
}

#[test]
fn a_tracer_that_restarts_in_the_middle_makes_absence_prove_nothing() {
    let ready = Event::Tracer(TracerState::Ready { pid: 8, missing: Vec::new() });
    let story =
        Story::watched().record(-1.0, Event::Tracer(TracerState::Stopped { pid: 7 })).record(-0.5, ready);
    let episode = story.terminated(0.0, "libvirtd").exit(0.1).released(0.2, None).episode();
    assert_eq!((episode.outcome, episode.cause.code), (Outcome::Hard, Cause::None));
}

#[test]
fn a_libvirt_that_lets_go_before_qemu_is_gone_gives_no_negative_phase() {
    let story =
        Story::watched().heard(0.0).s5(2.0).terminated(2.1, "libvirtd").released(42.0, None).exit(50.0);
    let episode = story.episode();
    assert!((episode.duration_seconds.expect("ended") - 50.0).abs() < 1e-6);
    assert_eq!(phases(&episode), PhaseName::ALL);
}

#[test]
fn a_line_that_is_torn_matters_only_where_it_may_have_been_part_of_the_story() {
    let ignored = || Story::watched().heard(0.0).terminated(30.0, "libvirtd").exit(30.1).released(30.2, None);
    let cause_with_a_line_torn =
        |from, to| ignored().episodes_with_a_line_torn(from, to).remove(0).cause.code;
    assert_eq!(cause_with_a_line_torn(10.0, 11.0), Cause::None, "in the middle");
    assert_eq!(cause_with_a_line_torn(30.1, 1e6), Cause::GuestIgnored, "after the exit");
    assert_eq!(cause_with_a_line_torn(-50.0, -40.0), Cause::GuestIgnored, "long before");
}

#[test]
fn a_qemu_that_libvirt_only_asks_what_it_can_do_is_no_virtual_machine() {
    let story = Story::default().terminated(0.0, "libvirtd").exit(0.1);
    assert_eq!(story.episodes(), []);
}

#[test]
fn a_vm_that_nobody_could_name_is_told_all_the_same() {
    let episode = Story::default().heard(0.0).s5(1.0).torn_down_unnamed(1.0).episode();
    assert_eq!((episode.outcome, episode.domain.name), (Outcome::Soft, None));
}

#[test]
fn kvm_alone_shows_the_guests_own_power_off() {
    let story = Story::default().started(-100.0).found(-100.0, Coverage::Kvm);
    let s5 = Sign::PortIo { port: 0x604, write: true, value: 0x2001 };
    let episode = story.sign(0.0, s5).torn_down(0.1).episode();
    assert_eq!((episode.outcome, episode.completeness.tier), (Outcome::Soft, Tier::Kvm));
}
