//! Each test is a guest, or a host, with one thing wrong with it, and what the probe shows of that.

mod story;

use softoff_analyzer::Cause;
use softoff_analyzer::episode::{Episode, Outcome, Path, RiskLevel, Verdict};
use softoff_journal::record::{Bin, Coverage, HostLoad, LibvirtCall, Sign};
use story::{QUIET, Story, idle, with_agent, writing};

fn spinning() -> Bin {
    Bin { run_us: 99_000, ..Bin::default() }
}

fn stalled() -> Bin {
    Bin { inflight: 3, stalled_ms: 5_000, unflushed_bytes: 4096, run_us: 500, ..Bin::default() }
}

fn cut_off(story: Story, seconds: f64) -> Episode {
    story.terminated(seconds, "libvirtd").exit(seconds + 0.1).released(seconds + 0.2, None).episode()
}

fn judged(episode: &Episode) -> (Outcome, Cause) {
    (episode.outcome, episode.cause.code)
}

fn candidates(episode: &Episode) -> Vec<Cause> {
    episode.candidates.iter().map(|candidate| candidate.code).collect()
}

/// Everything the probe sees of a guest that is off after `seconds`, far beyond any limit.
fn off_after(story: Story, seconds: f64) -> Episode {
    let episode = story.s5(seconds).torn_down(seconds).episode();
    assert_eq!((episode.outcome, episode.verdict), (Outcome::Soft, Verdict::Slow));
    episode
}

#[test]
fn a_guest_that_is_idle_after_its_acknowledgement_ignored_the_button_for_one_of_five_reasons() {
    let episode = cut_off(Story::watched().heard(0.0).measured(0, 15, idle(), QUIET), 15.0);
    assert_eq!(judged(&episode), (Outcome::Hard, Cause::GuestIgnored));
    assert!(episode.cause.confidence > 0.9, "idleness says more than the clock: {:?}", episode.cause);
    for cause in [Cause::GuestButtonDisabled, Cause::GuestLogonRequired, Cause::GuestShutdownTracker] {
        assert!(candidates(&episode).contains(&cause), "{cause}: {:?}", episode.candidates);
    }
    assert_eq!(episode.risk.expect("a hard stop").level, RiskLevel::Low);
}

#[test]
fn a_guest_that_worked_and_then_stalled_is_most_likely_blocked_by_an_application() {
    let story = with_agent().heard(0.0).measured(0, 2, writing(), QUIET).measured(2, 17, idle(), QUIET);
    let episode = cut_off(story, 17.0);
    assert_eq!(judged(&episode), (Outcome::Hard, Cause::GuestIgnored));
    assert_eq!(candidates(&episode)[1], Cause::GuestAppBlocked);
}

#[test]
fn a_guest_that_keeps_writing_with_its_agent_up_installs_updates() {
    let episode = off_after(with_agent().heard(0.0).measured(0, 80, writing(), QUIET), 80.0);
    assert_eq!(episode.cause.code, Cause::GuestUpdate);
}

#[test]
fn an_update_that_ends_in_a_restart_is_still_an_update() {
    let story = with_agent().heard(0.0).measured(0, 30, writing(), QUIET).guest_resets(30.0);
    assert_eq!(judged(&story.episode()), (Outcome::Rebooted, Cause::GuestUpdate));
}

#[test]
fn power_that_is_cut_while_the_guest_works_is_cut_too_early_and_the_risk_is_told() {
    let episode = cut_off(with_agent().heard(0.0).measured(0, 15, writing(), QUIET), 15.0);
    assert_eq!(judged(&episode), (Outcome::Hard, Cause::OperatorImpatient));
    assert!(candidates(&episode).contains(&Cause::GuestUpdate));
    let risk = episode.risk.expect("a hard stop");
    assert_eq!((risk.level, risk.unflushed_bytes), (RiskLevel::High, Some(1 << 20)));
    assert!(risk.writes_after_request > Some(100));
}

#[test]
fn a_busy_cpu_alone_is_no_progress() {
    let episode = cut_off(with_agent().heard(0.0).measured(0, 15, spinning(), QUIET), 15.0);
    assert_eq!(judged(&episode), (Outcome::Hard, Cause::GuestIgnored));
    assert!(episode.cause.confidence < 0.9, "it may have been busy with its shutdown: {:?}", episode.cause);
}

#[test]
fn a_guest_whose_agent_is_gone_and_that_takes_long_is_stopping_services() {
    let story = with_agent().heard(0.0).measured(0, 80, idle(), QUIET).agents_port(2.0, false);
    assert_eq!(off_after(story, 80.0).cause.code, Cause::GuestSlowServices);
}

#[test]
fn a_second_press_that_works_at_once_found_the_display_awake() {
    let story = Story::watched().heard(0.0).measured(0, 70, idle(), QUIET).heard(70.0);
    let episode = off_after(story.measured(70, 72, writing(), QUIET), 72.0);
    assert_eq!((episode.cause.code, episode.request.presses), (Cause::GuestDisplayAsleep, 2));
}

#[test]
fn a_guest_that_does_not_acknowledge_is_hung_whether_it_spins_or_is_halted() {
    for bin in [spinning(), Bin::default()] {
        let story = Story::watched().press(0.0, true).sci(0.01).measured(0, 15, bin, QUIET);
        assert_eq!(judged(&cut_off(story, 15.0)), (Outcome::Hard, Cause::GuestHung), "{bin:?}");
    }
}

#[test]
fn presses_that_are_lost_while_a_guest_works_fall_into_its_first_boot() {
    let story = Story::watched().press(0.0, false).measured(0, 70, writing(), QUIET);
    assert_eq!(off_after(story.heard(70.0), 72.0).cause.code, Cause::GuestFirstBoot);
}

#[test]
fn a_young_guest_that_is_busy_and_whose_agent_never_came_up_is_in_its_first_boot() {
    let story = Story::default().started(-100.0).found_with_agent(-100.0, Coverage::Symbols, Some(false));
    let episode = cut_off(story.heard(0.0).measured(0, 15, writing(), QUIET), 15.0);
    assert_eq!(judged(&episode), (Outcome::Hard, Cause::GuestFirstBoot));
}

#[test]
fn restarts_in_a_row_are_a_first_boot_with_work_between_them_and_damage_without() {
    for (bin, cause) in [(writing(), Cause::GuestFirstBoot), (spinning(), Cause::GuestDamaged)] {
        let story = Story::watched().guest_resets(-20.0).guest_resets(-10.0).press(0.0, false);
        let story = story.measured(0, 15, bin, QUIET).guest_resets(5.0).guest_resets(12.0);
        let episode = cut_off(story, 15.0);
        assert_eq!(judged(&episode), (Outcome::Hard, cause), "{:?}", episode.candidates);
        assert!(episode.escalated, "a restart that is no answer does not end the attempt");
    }
}

#[test]
fn a_restart_before_the_request_says_nothing_about_what_the_guest_does_between_restarts() {
    let story = Story::watched().guest_resets(-20.0).guest_resets(-1.0).press(0.0, false);
    let episode = cut_off(story.measured(0, 6, spinning(), QUIET), 6.0);
    assert_ne!(episode.cause.code, Cause::GuestDamaged, "{:?}", episode.candidates);
}

#[test]
fn a_stall_with_the_agent_up_until_right_before_the_end_is_no_matter_of_ordinary_services() {
    let story = with_agent().heard(0.0).measured(0, 1, writing(), QUIET).measured(1, 78, idle(), QUIET);
    let episode = off_after(story.agents_port(78.0, false).measured(78, 80, writing(), QUIET), 80.0);
    assert_eq!(episode.cause.code, Cause::GuestAppBlocked, "{:?}", episode.candidates);
}

#[test]
fn a_disk_that_completes_nothing_is_the_storages_doing_and_never_the_operators() {
    let slow = off_after(Story::watched().heard(0.0).measured(0, 80, stalled(), QUIET), 80.0);
    assert_eq!(slow.cause.code, Cause::HostStorage);
    let cut = cut_off(Story::watched().heard(0.0).measured(0, 15, stalled(), QUIET), 15.0);
    assert_eq!(judged(&cut), (Outcome::Hard, Cause::HostStorage));
    assert_eq!(cut.risk.expect("a hard stop").inflight_requests, Some(3));
}

#[test]
fn requests_that_wait_long_are_the_storages_doing_too() {
    let slow = Bin { writes: 1, write_bytes: 4096, inflight: 8, run_us: 1_000, ..Bin::default() };
    let episode = off_after(Story::watched().heard(0.0).measured(0, 80, slow, QUIET), 80.0);
    assert_eq!(episode.cause.code, Cause::HostStorage);
}

#[test]
fn a_flush_after_s5_that_takes_long_is_the_storages_doing_and_is_counted_in_poweroff() {
    let story =
        Story::watched().heard(0.0).sign(1.0, Sign::ShutdownRequest { cause: "guest-shutdown".to_owned() });
    let story = story.signal(1.01, 15, "libvirtd").sign(90.0, Sign::VmStop { duration_ns: 88_000_000_000 });
    let episode = story.exit(90.1).released(90.2, None).episode();
    assert_eq!((episode.verdict, episode.cause.code), (Verdict::Slow, Cause::HostStorage));
    let longest = episode.phases.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds)).expect("phases");
    assert_eq!(longest.name.as_str(), "poweroff");
}

#[test]
fn vcpus_that_get_no_cpu_are_the_hosts_doing_by_their_wait_or_by_a_quota() {
    let waiting = Bin { run_us: 10_000, wait_us: 80_000, ..Bin::default() };
    let quota = HostLoad { throttled_us: Some(700_000), ..QUIET };
    for (bin, host) in [(waiting, QUIET), (writing(), quota)] {
        let episode = off_after(Story::watched().heard(0.0).measured(0, 80, bin, host), 80.0);
        assert_eq!(episode.cause.code, Cause::HostCpu, "{:?}", episode.candidates);
    }
}

#[test]
fn a_paused_vm_is_named_whether_libvirt_refused_or_the_press_waits_in_it() {
    let paused = Story::watched().state(-50.0, "paused");
    let asked = paused.clone().called(0.0, LibvirtCall::Shutdown, 0).refused(0.01, LibvirtCall::Shutdown);
    let episode = cut_off(asked.called(20.0, LibvirtCall::Destroy, 0), 20.01);
    assert_eq!(judged(&episode), (Outcome::Hard, Cause::HostPaused));
    assert!(episode.escalated && episode.request.path == Path::Acpi);
    let pressed = Story::watched().press(0.0, true).sci(0.01).state(0.02, "paused");
    assert_eq!(judged(&cut_off(pressed, 20.0)), (Outcome::Hard, Cause::HostPaused));
    assert_eq!(judged(&cut_off(paused, 0.0)), (Outcome::Hard, Cause::HostPaused), "nobody asked");
}

#[test]
fn a_guest_that_sleeps_already_cannot_be_asked() {
    let story = Story::watched().sign(-30.0, Sign::SuspendRequest).state(-30.0, "suspended");
    let asked = story.called(0.0, LibvirtCall::Shutdown, 0).refused(0.01, LibvirtCall::Shutdown);
    assert_eq!(judged(&cut_off(asked, 20.0)), (Outcome::Hard, Cause::GuestSleep));
}

#[test]
fn a_request_that_libvirt_gives_up_after_its_wait_for_a_job_is_libvirts() {
    let asked = Story::watched().called(0.0, LibvirtCall::Shutdown, 0).refused(30.0, LibvirtCall::Shutdown);
    assert_eq!(judged(&cut_off(asked, 40.0)), (Outcome::Hard, Cause::HostLibvirt));
}

#[test]
fn an_agent_that_does_not_answer_is_stuck_whichever_way_libvirt_was_told_to_take() {
    let by_agent = with_agent().called(0.0, LibvirtCall::Shutdown, 2).refused(10.0, LibvirtCall::Shutdown);
    let episode = cut_off(by_agent, 20.0);
    assert_eq!(
        (judged(&episode), episode.request.path),
        ((Outcome::Hard, Cause::GuestAgentStuck), Path::Agent)
    );
    let fallback = with_agent().called(0.0, LibvirtCall::Shutdown, 0).heard(5.0);
    assert_eq!(off_after(fallback, 63.0).cause.code, Cause::GuestAgentStuck);
}

#[test]
fn a_power_off_through_the_agent_is_told_as_such() {
    let story = with_agent().called(0.0, LibvirtCall::Shutdown, 2).s5(2.0).torn_down(2.0);
    let episode = story.episode();
    assert_eq!((episode.outcome, episode.verdict), (Outcome::Soft, Verdict::Clean));
    assert_eq!(episode.request.path, Path::Agent);
    assert!(
        episode.completeness.missing.is_empty(),
        "no press is missing: {:?}",
        episode.completeness.missing
    );
}

#[test]
fn a_machine_without_a_power_button_does_not_listen() {
    let story = Story::watched().sign(0.0, Sign::QmpSystemPowerdown).sign(0.001, Sign::Powerdown);
    assert_eq!(judged(&cut_off(story, 15.0)), (Outcome::Hard, Cause::GuestNotListening));
}

#[test]
fn the_oom_killer_is_told_from_other_killers() {
    let story = Story::watched().sign(0.0, Sign::OomKill).signal(0.001, 9, "qemu-system-x86");
    let episode = story.sign(0.1, Sign::Exit { status: None, signal: Some(9) }).released(0.2, None).episode();
    assert_eq!((judged(&episode), episode.request.path), ((Outcome::Hard, Cause::HostKilled), Path::Signal));
    assert!(episode.request.by.is_some_and(|by| by.contains("OOM")));
}

#[test]
fn teardown_and_release_that_take_most_of_the_time_are_the_hosts() {
    let heard = || Story::watched().heard(0.0).s5(1.0).terminated(1.01, "libvirtd");
    for story in [heard().exit(90.0).released(90.1, None), heard().exit(1.1).released(90.0, None)] {
        assert_eq!(story.episode().cause.code, Cause::HostTeardown);
    }
}

#[test]
fn what_the_guest_lacked_for_a_second_does_not_explain_what_took_a_minute_after_it() {
    let waiting = Bin { run_us: 10_000, wait_us: 90_000, ..Bin::default() };
    let story =
        Story::watched().heard(0.0).measured(0, 1, waiting, QUIET).s5(1.0).terminated(1.01, "libvirtd");
    let episode = story.exit(90.0).released(90.1, None).episode();
    assert_eq!(episode.cause.code, Cause::HostTeardown, "{:?}", episode.candidates);
}

#[test]
fn a_reboot_that_was_asked_for_is_no_failure_by_button_or_by_agent() {
    let by_agent = with_agent().called(0.0, LibvirtCall::Reboot, 0).guest_resets(3.0).episode();
    assert_eq!(
        (by_agent.outcome, by_agent.verdict, by_agent.cause.code),
        (Outcome::Rebooted, Verdict::Clean, Cause::None)
    );
}
