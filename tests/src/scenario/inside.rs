//! What only evidence from inside the guest tells: its screen, and what its agent says.

use softoff_analyzer::cause::Cause;
use softoff_guest::{Role, Settings};

use super::{
    ASK, ASK_BESIDE_AGENT_WAIT_DESTROY, ASK_LOOK_DESTROY, Expected, Hardware, SOFT, Scenario, USUAL, guest,
};
use crate::slide::{Language, Slide};
use crate::span::seconds;
use crate::view::View;

const APP_BLOCKED: Expected =
    Expected::ignored(&[Cause::GuestAppBlocked]).told(Cause::GuestAppBlocked, &[View::Guest, View::Screen]);

/// A guest that shows a picture when it is asked, and nothing else.
const fn shows(name: &'static str, slides: &'static [Slide], expected: Expected) -> Scenario {
    Scenario::role(name, guest(Role::Slides), ASK_LOOK_DESTROY, expected).with(Hardware { slides, ..USUAL })
}

/// The scenarios.
pub(super) const SCENARIOS: &[Scenario] = &[
    // The press lights the display, so that the screen tells nothing; all else is ruled out by the agent.
    Scenario::role(
        "display-asleep-cut-off",
        guest(Role::DisplayAsleep).as_windows(Settings::GOOD),
        ASK_BESIDE_AGENT_WAIT_DESTROY,
        Expected::ignored(&[Cause::GuestDisplayAsleep]).told(Cause::GuestDisplayAsleep, &[View::Guest]),
    ),
    Scenario::role(
        "display-dark",
        guest(Role::Dark),
        ASK_LOOK_DESTROY,
        Expected::ignored(&[Cause::GuestDisplayAsleep])
            .told(Cause::GuestDisplayAsleep, &[View::Guest, View::Screen]),
    ),
    shows("app-blocked-english", &[Slide::AppsBlock(Language::English)], APP_BLOCKED),
    shows("app-blocked-korean", &[Slide::AppsBlock(Language::Korean)], APP_BLOCKED),
    shows("app-blocked-chinese", &[Slide::AppsBlock(Language::Chinese)], APP_BLOCKED),
    shows("app-blocked-japanese", &[Slide::AppsBlock(Language::Japanese)], APP_BLOCKED),
    shows("ordinary-screen", &[Slide::Ordinary], Expected::ignored(&[])),
    Scenario::role("liar", guest(Role::Liar).taking(seconds(6, 8)), ASK, SOFT),
];
