//! What the guest's screen and agent add: what is one thing from outside is told apart from inside, and a
//! guest that lies gains nothing by it.

mod story;

use proptest::prelude::*;
use softoff_analyzer::Cause;
use softoff_analyzer::episode::{Episode, Outcome, Source, Tier, Verdict};
use softoff_journal::record::{AgentAnswer, AgentQuestion, GuestOs};
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

proptest! {
    #[test]
    fn what_a_screen_says_changes_neither_outcome_nor_verdict_nor_time(
        text in ".{0,200}",
        known in prop::option::of(prop::sample::select(vec![LOG_ON, TRACKER, APPS, UPDATING])),
        seconds in 1.0..14.0_f64,
    ) {
        let plain = cut_off(silent());
        let looked = cut_off(silent().looked(seconds, Some(known.unwrap_or(&text))));
        prop_assert_eq!(looked.outcome, Outcome::Hard);
        prop_assert_eq!(
            (looked.verdict, looked.duration_seconds, &looked.phases, &looked.risk),
            (plain.verdict, plain.duration_seconds, &plain.phases, &plain.risk)
        );
    }
}
