//! Each test is a sequence that deceives: something that was lost, not measured, usual for this guest or
//! done by somebody else. What softoff must not do is accuse the wrong one.

mod story;

use softoff_analyzer::Cause;
use softoff_analyzer::episode::{Episode, Outcome, RiskLevel};
use softoff_journal::record::{
    AgentChannel, Bin, Coverage, HostLoad, LibvirtCall, Loss, LossStage, MissingSentinel, QemuProcess, Sign,
    TracerState,
};
use softoff_journal::{Event, Record};
use story::{QUIET, Story, idle, with_agent, writing};

/// Destroyed by libvirt; the last episode of that.
fn cut_off(story: Story, seconds: f64) -> Episode {
    let story = story.terminated(seconds, "libvirtd").exit(seconds + 0.1).released(seconds + 0.2, None);
    story.episodes().pop().expect("an episode")
}

fn off_after(story: Story, seconds: f64) -> Episode {
    story.s5(seconds).torn_down(seconds).episodes().pop().expect("an episode")
}

fn with_loss(story: Story, seconds: f64, stage: LossStage) -> Story {
    story.record(seconds, Event::Loss(Loss { stage, count: 1, process: None }))
}

/// The same story with its records changed.
fn told_otherwise(mut story: Story, change: impl Fn(&mut Event)) -> Story {
    story.records.iter_mut().for_each(|Record { event, .. }| change(event));
    story
}

fn lacking(name: &str) -> Vec<MissingSentinel> {
    vec![MissingSentinel { name: name.to_owned(), consequence: "it is not there".to_owned() }]
}

/// The tracer's record of the process, changed.
fn found_otherwise(story: Story, change: impl Fn(&mut QemuProcess)) -> Story {
    told_otherwise(story, |event| {
        if let Event::Qemu(process) = event {
            change(process);
        }
    })
}

fn unmeasured(story: Story, name: &str) -> Story {
    told_otherwise(story, |event| {
        if let Event::Window(window) = event {
            window.missing = lacking(name);
        }
    })
}

fn cause(episode: &Episode) -> Cause {
    episode.cause.code
}

fn evidence(episode: &Episode) -> String {
    let texts: Vec<_> = episode.evidence.iter().map(|evidence| evidence.text.as_str()).collect();
    texts.join("; ")
}

#[test]
fn a_destroy_that_waits_while_a_starved_guest_acknowledges_at_last_is_told_without_a_panic() {
    let story =
        with_agent().press(0.0, true).sci(0.002).called(5.0, LibvirtCall::Destroy, 0).acknowledged(6.0);
    assert_eq!(cut_off(story, 7.0).outcome, Outcome::Hard);
}

#[test]
fn a_manager_that_presses_every_five_seconds_wakes_no_display() {
    let presses = (0..14).fold(Story::watched(), |story, press| story.heard(f64::from(press) * 5.0));
    let episode = off_after(presses.measured(0, 72, idle(), QUIET), 72.0);
    assert_ne!(cause(&episode), Cause::GuestDisplayAsleep);
    let unmeasured = off_after(Story::watched().heard(0.0).heard(68.0), 72.0);
    assert_ne!(cause(&unmeasured), Cause::GuestDisplayAsleep, "nobody knows that it was idle");
}

#[test]
fn a_database_that_always_writes_is_no_guest_at_its_shutdown() {
    let episode = cut_off(with_agent().heard(0.0).measured(0, 600, writing(), QUIET), 600.0);
    assert!(
        !matches!(cause(&episode), Cause::OperatorImpatient | Cause::GuestUpdate),
        "{:?}",
        episode.candidates
    );
}

#[test]
fn a_service_of_linux_that_hangs_is_no_disabled_button() {
    let linux = |event: &mut Event| match event {
        Event::Hook(call) => call.os = Some("http://debian.org/debian/12".to_owned()),
        Event::Qemu(process) => process.os = Some("http://debian.org/debian/12".to_owned()),
        _ => {}
    };
    let story = told_otherwise(Story::watched().heard(0.0).measured(0, 90, idle(), QUIET), linux);
    assert_eq!(cause(&cut_off(story, 90.0)), Cause::GuestIgnored);
}

#[test]
fn a_guest_that_was_asked_and_restarted_was_not_destroyed_unasked() {
    let restarted = Story::watched().heard(0.0).guest_resets(20.0);
    assert_ne!(cause(&cut_off(restarted, 30.0)), Cause::OperatorDestroy);
    let asleep = Story::watched().heard(0.0).sign(3.0, Sign::SuspendRequest);
    assert_ne!(cause(&cut_off(asleep, 30.0)), Cause::OperatorDestroy);
}

#[test]
fn a_request_through_an_agent_cannot_be_ruled_out_where_libvirt_is_not_watched() {
    let blind = told_otherwise(with_agent(), |event| {
        if let Event::Tracer(TracerState::Ready { missing, .. }) = event {
            *missing = lacking("libvirt.so");
        }
    });
    assert_eq!(cause(&cut_off(blind, 0.0)), Cause::None);
    assert_eq!(cause(&cut_off(with_agent(), 0.0)), Cause::OperatorDestroy, "where it is, it can");
}

#[test]
fn reboots_long_before_the_request_make_no_first_boot() {
    let story = with_agent().guest_resets(-90.0).guest_resets(-40.0).heard(0.0);
    assert_eq!(cause(&off_after(story.measured(0, 80, writing(), QUIET), 80.0)), Cause::GuestUpdate);
    let rebooted = with_agent().called(-20.0, LibvirtCall::Reboot, 2).guest_resets(-18.0).guest_resets(-12.0);
    let episode = off_after(rebooted.heard(0.0).measured(0, 80, writing(), QUIET), 80.0);
    assert_eq!(cause(&episode), Cause::GuestUpdate, "they were asked for");
}

#[test]
fn a_port_that_nothing_watches_was_not_always_closed() {
    let story = Story::default().started(-100.0).found_with_agent(-100.0, Coverage::Symbols, Some(false));
    let blind =
        found_otherwise(story, |process| process.missing = lacking("qapi_event_send_vserport_change"));
    let episode = off_after(blind.heard(0.0).measured(0, 80, writing(), QUIET), 80.0);
    assert!(!evidence(&episode).contains("never came up"), "{}", evidence(&episode));
}

#[test]
fn a_guest_that_panicked_and_was_restarted_is_another_story_than_its_shutdown() {
    let reset = || Sign::Reset { guest: false, cause: "host-qmp-system-reset".to_owned() };
    let story = Story::watched().sign(0.0, Sign::GuestPanicked).sign(2.0, reset());
    let episodes = story.heard(9000.0).s5(9002.0).torn_down(9002.0).episodes();
    let told: Vec<_> = episodes.iter().map(|episode| (episode.outcome, cause(episode))).collect();
    assert_eq!(told, [(Outcome::Crashed, Cause::GuestCrashed), (Outcome::Soft, Cause::None)]);
}

#[test]
fn a_libvirt_that_is_down_after_s5_is_not_the_storage() {
    let episode = Story::watched().heard(0.0).s5(1.0).torn_down(300.0).episode();
    assert_eq!(cause(&episode), Cause::HostLibvirt, "{:?}", episode.candidates);
}

#[test]
fn a_last_flush_that_never_ends_is_the_storage_and_no_clean_end() {
    let s5 = Sign::ShutdownRequest { cause: "guest-shutdown".to_owned() };
    let stalled = Bin { inflight: 3, stalled_ms: 50_000, ..Bin::default() };
    let story = Story::watched().heard(0.0).sign(1.0, s5).signal(1.1, 15, "libvirtd");
    let story = story.measured(2, 110, stalled, QUIET).signal(110.0, 9, "libvirtd");
    let killed = story.sign(110.1, Sign::Exit { status: None, signal: Some(9) }).released(110.2, None);
    let episode = killed.episode();
    assert_eq!(cause(&episode), Cause::HostStorage, "{:?}", episode.candidates);
    assert_eq!(episode.risk.expect("its last flush was killed").level, RiskLevel::High);
}

#[test]
fn throttling_is_counted_per_cpu() {
    let host = HostLoad { throttled_us: Some(1_000_000), ..QUIET };
    let eight = |event: &mut Event| {
        if let Event::Activity(activity) = event {
            activity.vcpus = 8;
        }
    };
    let story = told_otherwise(with_agent().heard(0.0).measured(0, 80, writing(), host), eight);
    assert_eq!(cause(&off_after(story, 80.0)), Cause::GuestUpdate, "an eighth of the time is no starvation");
}

#[test]
fn a_pause_that_was_over_soon_explains_nothing() {
    let refused = Story::watched().state(-9.0, "paused").called(0.0, LibvirtCall::Shutdown, 0);
    let story = refused.refused(0.01, LibvirtCall::Shutdown).state(2.0, "running").heard(3.0);
    assert_eq!(cause(&cut_off(story.measured(3, 100, idle(), QUIET), 100.0)), Cause::GuestIgnored);
}

#[test]
fn a_tracer_that_comes_back_finds_a_vm_that_runs_again() {
    let paused = Story::watched().state(-50.0, "paused");
    let away = paused.record(-40.0, Event::Tracer(TracerState::Stopped { pid: 7 }));
    let back = away.found(-5.0, Coverage::Symbols);
    let running = found_otherwise(back, |process| process.state = Some("running".to_owned()));
    let episode = cut_off(running.heard(0.0).measured(0, 15, idle(), QUIET), 15.0);
    assert_ne!(cause(&episode), Cause::HostPaused, "{:?}", episode.candidates);
}

#[test]
fn an_agent_of_which_nobody_knows_whether_it_is_connected_may_be_what_took_the_time() {
    let story = found_otherwise(Story::default().started(-900.0).found(-5.0, Coverage::Symbols), |process| {
        process.agent = Some(AgentChannel { port: "channel0".to_owned(), open: None });
    });
    let episode = off_after(story.called(0.0, LibvirtCall::Shutdown, 0).heard(5.0), 70.0);
    assert_ne!(cause(&episode), Cause::HostLibvirt, "{:?}", episode.candidates);
}

#[test]
fn a_guest_that_the_request_never_reached_ignored_nothing() {
    let refused = with_agent().called(0.0, LibvirtCall::Shutdown, 2).refused(0.01, LibvirtCall::Shutdown);
    assert_ne!(cause(&cut_off(refused, 20.0)), Cause::GuestIgnored);
}

#[test]
fn a_guest_whose_acknowledgement_may_have_been_lost_or_unseen_is_not_hung() {
    let pressed = || Story::watched().press(0.0, true).sci(0.01).measured(0, 15, Bin::default(), QUIET);
    assert_eq!(cause(&cut_off(pressed(), 15.0)), Cause::GuestHung, "as far as all was seen");
    let lost = with_loss(pressed(), 5.0, LossStage::RingBuffer);
    let blind = found_otherwise(pressed(), |process| process.missing = lacking("acpi_update_sci"));
    let blind = told_otherwise(blind, |event| {
        if let Event::Tracer(TracerState::Ready { missing, .. }) = event {
            *missing = lacking("kvm:kvm_pio");
        }
    });
    for story in [lost, blind, unmeasured(pressed(), "vCPU threads")] {
        let episode = cut_off(story, 15.0);
        assert_eq!(cause(&episode), Cause::None, "{:?}", episode.candidates);
    }
}

#[test]
fn disks_that_were_not_counted_give_no_all_clear() {
    let story = unmeasured(Story::watched().heard(0.0).measured(0, 15, idle(), QUIET), "block requests");
    let episode = cut_off(story, 15.0);
    assert_eq!(episode.risk.as_ref().map(|risk| risk.level), Some(RiskLevel::Unknown));
    assert!(!evidence(&episode).contains("idle"), "{}", evidence(&episode));
}

#[test]
fn seconds_that_were_not_measured_were_not_idle() {
    let episode = cut_off(Story::watched().heard(0.0).measured(0, 8, idle(), QUIET), 15.0);
    assert!(!evidence(&episode).contains("idle"), "{}", evidence(&episode));
    assert_eq!(episode.risk.expect("a hard stop").level, RiskLevel::Unknown);
}

#[test]
fn a_qemu_that_was_killed_unseen_did_not_crash_of_its_own_doing() {
    let killed = Story::watched().sign(0.0, Sign::Exit { status: None, signal: Some(9) });
    let episode = with_loss(killed, 0.5, LossStage::RingBuffer).released(0.2, None).episode();
    assert_eq!(cause(&episode), Cause::None);
    assert!(episode.candidates.iter().any(|candidate| candidate.code == Cause::HostKilled));
}

#[test]
fn a_guest_is_waited_for_only_as_long_as_somebody_watches() {
    let stopped = Event::Tracer(TracerState::Stopped { pid: 7 });
    let pending = Story::watched().heard(0.0).record(1.0, stopped).episodes_as_of(600.0).remove(0);
    assert!(!evidence(&pending).contains("still on"), "{}", evidence(&pending));
}

#[test]
fn a_disk_that_was_full_may_have_swallowed_all_since_the_last_record() {
    let story = Story::watched().press(0.0, true).sci(0.01).released(90.0, None);
    let episode = with_loss(story, 100.0, LossStage::Journal).episode();
    assert!(!evidence(&episode).contains("no acknowledgement"), "{}", evidence(&episode));
}

#[test]
fn a_guest_that_repeats_itself_does_not_push_its_killer_out_of_the_evidence() {
    let toggles = (0..300).fold(with_agent().heard(0.0), |story, toggle| {
        story.agents_port(1.0 + f64::from(toggle) / 100.0, toggle % 2 == 0)
    });
    let episode = toggles.signal(5.0, 9, "oops").exit(5.1).released(5.2, None).episode();
    assert!(evidence(&episode).contains("oops"), "{}", evidence(&episode));
}

#[test]
fn a_guest_that_resets_after_each_press_without_end_is_told_all_the_same() {
    let story = (0..3000).fold(Story::watched(), |story, round| {
        let at = f64::from(round) / 10.0;
        story.press(at, true).sci(at + 0.01).guest_resets(at + 0.02)
    });
    assert_eq!(cut_off(story, 500.0).outcome, Outcome::Hard);
}

#[test]
fn absurd_numbers_are_no_panic() {
    let absurd = Bin {
        reads: u64::MAX,
        read_bytes: u64::MAX,
        writes: u64::MAX,
        write_bytes: u64::MAX,
        flushes: u64::MAX,
        failed: u64::MAX,
        inflight: u64::MAX,
        stalled_ms: u64::MAX,
        unflushed_bytes: u64::MAX,
        run_us: u64::MAX,
        wait_us: u64::MAX,
    };
    let host = HostLoad { throttled_us: Some(u64::MAX), stopped_us: Some(u64::MAX), ..QUIET };
    let long = told_otherwise(Story::watched().heard(0.0).measured(0, 15, absurd, host), |event| {
        if let Event::Activity(activity) = event {
            activity.bin_ms = u32::MAX;
        }
    });
    for story in [long, Story::watched().heard(0.0).measured(0, 15, absurd, host)] {
        assert_eq!(cut_off(story, 15.0).outcome, Outcome::Hard);
    }
}
