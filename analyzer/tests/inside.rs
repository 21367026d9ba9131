//! What the guest's screen and agent add: what is one thing from outside is told apart from inside, and a
//! guest that lies gains nothing by it.

mod story;

use proptest::prelude::*;
use softoff_analyzer::Cause;
use softoff_analyzer::episode::{Episode, Outcome, RiskLevel, Source, Tier, Verdict};
use softoff_journal::Event;
use softoff_journal::record::{AgentAnswer, AgentQuestion, Coverage, GuestOs, TracerState};
use story::{QUIET, Story, idle, with_agent, writing};

const LOG_ON: &str = "Press Ctrl+Alt+Delete to unlock.\n09:41";
const TRACKER: &str = "Shutdown Event Tracker\nChoose a reason that best describes why";
const APPS: &str =
    "Closing 2 apps and shutting down\nThis app is preventing you from shutting down.\nShut down anyway";
const UPDATING: &str = "Working on updates\n35% complete\nDon't turn off your computer";

/// A guest that took the button and did nothing.
fn silent() -> Story {
    with_agent().heard(0.0).measured(0, 15, idle(), QUIET)
}

fn cut_off(story: Story) -> Episode {
    story.terminated(15.0, "libvirtd").exit(15.1).released(15.2, None).episode()
}

fn cause(story: Story) -> Cause {
    cut_off(story).cause.code
}

fn windows(story: Story) -> Story {
    let os = GuestOs {
        id: Some("mswindows".to_owned()),
        pretty_name: Some("Windows Server 2022 Standard".to_owned()),
        ..GuestOs::default()
    };
    story.asked(6.0, AgentQuestion::Os, AgentAnswer::Os(os))
}

#[test]
fn without_a_look_inside_nothing_tells_the_silent_causes_apart() {
    assert_eq!(cause(silent()), Cause::GuestIgnored);
    let neutral =
        silent().looked(5.0, Some("web-01 login:")).asked(6.0, AgentQuestion::Ping, AgentAnswer::Alive);
    assert_eq!(cause(neutral), Cause::GuestIgnored);
}

#[test]
fn the_screen_tells_a_dialog_of_the_tracker_from_one_of_applications_and_from_a_dark_display() {
    assert_eq!(cause(silent().looked(5.0, Some(TRACKER))), Cause::GuestShutdownTracker);
    assert_eq!(cause(silent().looked(5.0, Some(APPS))), Cause::GuestAppBlocked);
    assert_eq!(cause(silent().looked(5.0, None)), Cause::GuestDisplayAsleep);
}

#[test]
fn a_log_on_screen_alone_leaves_it_open_whether_the_policy_or_the_button_is_to_blame() {
    let episode = cut_off(silent().looked(5.0, Some(LOG_ON)));
    assert_eq!(episode.cause.code, Cause::GuestIgnored);
    let ranked: Vec<Cause> = episode.candidates.iter().map(|candidate| candidate.code).collect();
    assert!(ranked.contains(&Cause::GuestLogonRequired) && ranked.contains(&Cause::GuestButtonDisabled));
    assert!(!ranked.contains(&Cause::GuestAppBlocked), "{ranked:?}");
}

#[test]
fn the_agent_tells_which_setting_it_is() {
    assert_eq!(cause(silent().settings(6.0, 0, 1, 0)), Cause::GuestButtonDisabled);
    assert_eq!(cause(silent().settings(6.0, 3, 0, 0)), Cause::GuestLogonRequired);
    assert_eq!(cause(silent().settings(6.0, 3, 1, 1)), Cause::GuestShutdownTracker);
    assert_eq!(cause(silent().settings(6.0, 4, 1, 0)), Cause::GuestDisplayAsleep);
}

#[test]
fn settings_that_explain_nothing_leave_it_open() {
    assert_eq!(cause(silent().settings(6.0, 3, 1, 0)), Cause::GuestIgnored);
}

#[test]
fn screen_and_agent_together_are_surer_than_either() {
    let of = |story: Story| cut_off(story).cause;
    let both = of(silent().looked(5.0, Some(LOG_ON)).settings(6.0, 3, 0, 0));
    assert_eq!(both.code, Cause::GuestLogonRequired);
    assert!(both.confidence > of(silent().settings(6.0, 3, 0, 0)).confidence, "{both:?}");
}

#[test]
fn two_settings_that_both_explain_it_are_both_candidates() {
    let episode = cut_off(silent().settings(6.0, 0, 0, 0));
    let listed = |cause| episode.candidates.iter().any(|candidate| candidate.code == cause);
    assert!(
        listed(Cause::GuestButtonDisabled) && listed(Cause::GuestLogonRequired),
        "{:?}",
        episode.candidates
    );
    assert!(episode.cause.confidence < 0.95, "{:?}", episode.cause);
}

#[test]
fn the_last_look_counts() {
    let story = silent().looked(5.0, Some("Shutting down")).looked(10.0, Some(APPS));
    assert_eq!(cause(story), Cause::GuestAppBlocked);
}

#[test]
fn what_the_screen_shows_in_the_last_moments_of_a_shutdown_is_not_what_held_it_up() {
    let story = Story::watched().heard(0.0).measured(0, 70, idle(), QUIET).heard(70.0);
    let looked = story.looked(20.0, Some(LOG_ON)).looked(70.4, Some("Shutting down"));
    let episode = looked.s5(71.0).torn_down(71.0).episode();
    assert_eq!((episode.cause.code, episode.verdict), (Cause::GuestDisplayAsleep, Verdict::Slow));
}

#[test]
fn an_update_on_the_screen_is_named_surely_and_its_end_is_the_operators_doing() {
    let at_work = || with_agent().heard(0.0).measured(0, 80, writing(), QUIET);
    let off = at_work().looked(20.0, Some(UPDATING)).s5(80.0).torn_down(80.0).episode();
    assert_eq!((off.cause.code, off.verdict), (Cause::GuestUpdate, Verdict::Slow));
    assert!(off.cause.confidence >= 0.95, "{:?}", off.cause);
    let cut =
        at_work().looked(20.0, Some(UPDATING)).terminated(80.0, "libvirtd").exit(80.1).released(80.2, None);
    assert_eq!(cut.episode().cause.code, Cause::OperatorImpatient);
}

#[test]
fn a_screen_that_speaks_of_updates_over_a_guest_that_does_nothing_convinces_nobody() {
    let episode = cut_off(silent().looked(5.0, Some(UPDATING)));
    assert!(
        episode.cause.code != Cause::GuestUpdate || episode.cause.confidence < 0.7,
        "{:?}",
        episode.cause
    );
    assert!(episode.evidence.iter().any(|seen| seen.text.contains("idle")), "{:?}", episode.evidence);
}

#[test]
fn a_clean_shutdown_has_no_cause_whatever_its_screen_says() {
    let story = Story::watched().heard(0.0).looked(1.0, Some(UPDATING)).s5(3.0).torn_down(3.0);
    let episode = story.episode();
    assert_eq!((episode.cause.code, episode.verdict), (Cause::None, Verdict::Clean));
}

#[test]
fn what_was_seen_inside_is_told_with_its_source_and_picture() {
    let episode = cut_off(windows(silent().looked(5.0, Some(TRACKER))).settings(7.0, 3, 0, 1));
    assert_eq!(episode.completeness.tier, Tier::Guest);
    let told = |source| episode.evidence.iter().filter(move |seen| seen.source == source);
    let screen = told(Source::Screen).next().expect("the look");
    assert!(screen.text.contains("“Shutdown Event Tracker Choose"), "{}", screen.text);
    assert_eq!(screen.picture.as_deref(), Some("screens/5.png"));
    assert!(screen.weight > 0.0);
    assert!(told(Source::Agent).any(|seen| seen.text.contains("ShutdownWithoutLogon = 0")));
    assert_eq!(episode.domain.os.as_deref(), Some("Windows Server 2022 Standard"));
    assert_eq!(episode.domain.os_source.as_deref(), Some("agent"));
}

#[test]
fn an_agent_that_says_the_guest_is_no_windows_rules_out_what_only_windows_does() {
    let os = GuestOs { id: Some("debian".to_owned()), ..GuestOs::default() };
    let episode = cut_off(silent().asked(6.0, AgentQuestion::Os, AgentAnswer::Os(os)));
    let listed = |cause| episode.candidates.iter().any(|candidate| candidate.code == cause);
    assert!(
        !listed(Cause::GuestLogonRequired) && listed(Cause::GuestButtonDisabled),
        "{:?}",
        episode.candidates
    );
}

#[test]
fn an_agent_that_says_nothing_is_told_and_proves_nothing() {
    let episode = cut_off(silent().asked(6.0, AgentQuestion::Ping, AgentAnswer::Silent));
    assert_eq!((episode.cause.code, episode.completeness.tier), (Cause::GuestIgnored, Tier::Probe));
    assert!(
        episode.evidence.iter().any(|seen| seen.text.contains("did not answer")),
        "{:?}",
        episode.evidence
    );
}

/// What else a screen can say, with what that makes of a guest that took the button and did nothing.
#[test]
fn each_text_on_a_screen_has_its_cause() {
    let says = [
        ("Shutdown Event Tracker", Cause::GuestShutdownTracker),
        ("Someone else is still using this PC", Cause::GuestAppBlocked),
        ("Your device ran into a problem and needs to restart.", Cause::GuestCrashed),
        ("关闭事件跟踪程序", Cause::GuestShutdownTracker),
        ("이 앱 때문에 종료할 수 없습니다", Cause::GuestAppBlocked),
        ("此应用正在阻止关机", Cause::GuestAppBlocked),
        ("このプログラムが Windows のシャットダウンを妨げています", Cause::GuestAppBlocked),
    ];
    for (text, expected) in says {
        assert_eq!(cause(silent().looked(5.0, Some(text))), expected, "{text}");
    }
}

#[test]
fn texts_of_a_shutdown_that_is_under_way_name_what_takes_long() {
    let at_work =
        |text: &str| with_agent().heard(0.0).measured(0, 80, writing(), QUIET).looked(30.0, Some(text));
    let off = |text: &str| at_work(text).s5(80.0).torn_down(80.0).episode().cause.code;
    assert_eq!(off("Please wait for the Windows Modules Installer"), Cause::GuestUpdate);
    assert_eq!(off("Failure configuring Windows updates\nReverting changes"), Cause::GuestUpdate);
    assert_eq!(off("Getting Windows ready\nDon't turn off your computer"), Cause::GuestUpdate);
    let stopping = |text: &str| {
        with_agent()
            .heard(0.0)
            .measured(0, 80, idle(), QUIET)
            .looked(30.0, Some(text))
            .s5(80.0)
            .torn_down(80.0)
    };
    assert_eq!(
        stopping("Please wait for the Group Policy Client").episode().cause.code,
        Cause::GuestSlowServices
    );
}

#[test]
fn a_first_boot_is_told_by_its_screen() {
    let young = Story::default().started(-100.0).found_with_agent(-100.0, Coverage::Symbols, Some(false));
    let story = young.heard(0.0).measured(0, 15, writing(), QUIET);
    for text in ["Just a moment...", "Getting Windows ready"] {
        assert_eq!(cause(story.clone().looked(5.0, Some(text))), Cause::GuestFirstBoot, "{text}");
    }
}

#[test]
fn a_rollback_that_lasts_is_not_to_be_stopped() {
    let story = with_agent().heard(0.0).measured(0, 80, writing(), QUIET);
    let story = story.looked(20.0, Some("Failure configuring Windows updates\nReverting changes"));
    let episode = story.episodes_as_of(80.0).remove(0);
    assert_eq!((episode.outcome, episode.cause.code), (Outcome::Pending, Cause::GuestUpdate));
    assert!(episode.advice[0].starts_with("Now: do not stop it"), "{:?}", episode.advice);
}

#[test]
fn each_silent_cause_is_told_by_screen_alone_agent_alone_and_both_and_neither() {
    let cases = [
        (Cause::GuestButtonDisabled, None, Some((0, 1, 0)), LOG_ON),
        (Cause::GuestLogonRequired, None, Some((3, 0, 0)), LOG_ON),
        (Cause::GuestShutdownTracker, Some(TRACKER), Some((3, 1, 1)), TRACKER),
        (Cause::GuestAppBlocked, Some(APPS), None, APPS),
    ];
    for (expected, screen, settings, text) in cases {
        if let Some(screen) = screen {
            assert_eq!(cause(silent().looked(5.0, Some(screen))), expected, "{expected} by its screen");
        }
        if let Some((button, logon, tracker)) = settings {
            assert_eq!(
                cause(silent().settings(6.0, button, logon, tracker)),
                expected,
                "{expected} by its agent"
            );
            let both = silent().looked(5.0, Some(text)).settings(6.0, button, logon, tracker);
            assert_eq!(cause(both), expected, "{expected} by both");
        }
    }
    assert_eq!(cause(silent()), Cause::GuestIgnored);
}

#[test]
fn a_dialog_on_the_screen_outweighs_a_setting_that_also_explains_it() {
    let episode = cut_off(silent().looked(5.0, Some(APPS)).settings(6.0, 0, 0, 0));
    assert_ne!(episode.cause.code, Cause::GuestButtonDisabled, "{:?}", episode.candidates);
    assert_ne!(episode.cause.code, Cause::GuestLogonRequired, "{:?}", episode.candidates);
}

#[test]
fn a_setting_that_was_changed_between_two_looks_counts_as_it_is_last() {
    let story = silent().settings(4.0, 0, 1, 0).settings(8.0, 3, 0, 0);
    assert_eq!(cause(story), Cause::GuestLogonRequired);
}

#[test]
fn an_update_on_the_screen_of_a_guest_that_does_nothing_for_minutes_is_told_as_a_contradiction() {
    let story = with_agent().heard(0.0).measured(0, 150, idle(), QUIET).looked(20.0, Some(UPDATING));
    let episode = story.terminated(150.0, "libvirtd").exit(150.1).released(150.2, None).episode();
    assert!(
        episode.cause.code != Cause::GuestUpdate || episode.cause.confidence < 0.6,
        "{:?}",
        episode.cause
    );
    let told = |text: &str| episode.evidence.iter().any(|seen| seen.text.contains(text));
    assert!(told("Windows works on updates") && told("either they are stuck"), "{:#?}", episode.evidence);
    assert!(episode.advice[0].contains("look at its screen again"), "{:?}", episode.advice);
    assert_eq!(episode.risk.expect("a hard stop").level, RiskLevel::Medium);
}

#[test]
fn what_would_decide_is_said_where_nothing_was_seen_and_only_what_is_lacking() {
    let says = |story: Story, text: &str| cut_off(story).advice.iter().any(|advice| advice.contains(text));
    assert!(says(silent(), "--look-after") && says(silent(), "--ask-settings"));
    let looked = || silent().looked(5.0, Some(LOG_ON));
    assert!(!says(looked(), "--look-after") && says(looked(), "--ask-settings"));
    let asked = looked().settings(6.0, 3, 1, 0);
    assert!(!says(asked, "--ask-settings"));
}

#[test]
fn advice_names_the_setting_that_was_read_and_the_command_for_each_likely_one() {
    let episode = cut_off(silent().settings(6.0, 0, 0, 0));
    let says = |text: &str| episode.advice.iter().any(|advice| advice.contains(text));
    assert!(says("ShutdownWithoutLogon is 0 in this guest") && says("reg add"), "{:?}", episode.advice);
    assert!(says("PBUTTONACTION is 0") && says("powercfg /setacvalueindex"), "{:?}", episode.advice);
    assert!(!says("ShutdownReasonOn is 1"), "{:?}", episode.advice);
}

#[test]
fn a_look_that_failed_is_missing_with_its_reason_and_tells_nothing() {
    let episode = cut_off(silent().failed_to_look(5.0, "libvirt is busy with the domain"));
    assert_eq!((episode.cause.code, episode.completeness.tier), (Cause::GuestIgnored, Tier::Probe));
    let missing = &episode.completeness.missing;
    assert!(missing.iter().any(|why| why.contains("libvirt is busy with the domain")), "{missing:?}");
}

#[test]
fn a_long_stall_that_nobody_looked_at_says_so() {
    let story = with_agent().heard(0.0).measured(0, 90, idle(), QUIET);
    let never = |story: Story| {
        let episode = story.terminated(90.0, "libvirtd").exit(90.1).released(90.2, None).episode();
        episode.completeness.missing.iter().any(|why| why.contains("--never-look"))
    };
    assert!(never(story.clone()));
    assert!(!never(story.looked(20.0, Some(LOG_ON))));
}

#[test]
fn a_look_after_the_end_tells_nothing_of_the_cause() {
    let late = silent().terminated(15.0, "libvirtd").exit(15.1).released(15.2, None);
    let episode = late.looked(15.5, Some(TRACKER)).episode();
    assert_eq!(episode.cause.code, Cause::GuestIgnored);
}

#[test]
fn a_look_that_goes_on_after_the_recorder_has_stopped_takes_nothing_from_what_it_saw() {
    let stopped = Event::Tracer(TracerState::Stopped { pid: 7 });
    let seen = |story: Story| {
        let episode = story.episode();
        (episode.outcome, episode.verdict, episode.cause.code, episode.completeness.missing.len())
    };
    let story = Story::watched().heard(0.0).s5(3.0).torn_down(3.0).record(20.0, stopped);
    let late = story.clone().looked(25.0, Some(LOG_ON));
    assert_eq!(seen(late), seen(story));
}

#[test]
fn a_screen_that_stays_as_it_is_tells_no_silent_cause_from_another() {
    let story = silent().looked_again(5.0, "C:\\>", None).looked_again(9.0, "C:\\>", Some(false));
    assert_eq!(cause(story), Cause::GuestIgnored);
}

#[test]
fn a_screen_that_changes_shows_a_guest_that_lives() {
    let hung = || Story::watched().press(0.0, true).sci(0.01).measured(0, 15, idle(), QUIET);
    let sure = |story: Story| {
        let candidates = cut_off(story).candidates;
        candidates.iter().find(|one| one.code == Cause::GuestHung).map_or(0.0, |one| one.confidence)
    };
    let alive = hung().looked_again(5.0, "12:00", None).looked_again(9.0, "12:01", Some(true));
    assert!(sure(alive) < sure(hung()), "a guest that draws serves interrupts");
}

proptest! {
    #[test]
    fn what_a_screen_says_changes_neither_outcome_nor_verdict_nor_time_and_can_only_raise_the_risk(
        text in ".{0,200}",
        known in prop::option::of(prop::sample::select(vec![LOG_ON, TRACKER, APPS, UPDATING])),
        seconds in 1.0..14.0_f64,
    ) {
        let plain = cut_off(silent());
        let looked = cut_off(silent().looked(seconds, Some(known.unwrap_or(&text))));
        prop_assert_eq!(looked.outcome, Outcome::Hard);
        prop_assert_eq!(
            (looked.verdict, looked.duration_seconds, &looked.phases),
            (plain.verdict, plain.duration_seconds, &plain.phases)
        );
        let speaks_of_updates = known == Some(UPDATING);
        prop_assert_eq!(looked.risk != plain.risk, speaks_of_updates);
        if speaks_of_updates {
            prop_assert_eq!(looked.risk.map(|risk| risk.level), Some(RiskLevel::High));
        }
    }
}
