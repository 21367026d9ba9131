//! Telling: what a cycle says, in sentences.

use chrono::{DateTime, Utc};

use super::Cycle;
use crate::episode::{Culprit, CulpritKind, GuestLogEnd, GuestLogType, GuestPhaseName};

impl Cycle {
    /// What the guest's log says of it, with its own times, in their order.
    pub fn told(&self) -> Vec<(DateTime<Utc>, String)> {
        let mark = |at: Option<DateTime<Utc>>, text: &str| at.map(|at| (at, text.to_owned()));
        let mut told: Vec<(DateTime<Utc>, String)> =
            self.requests.iter().map(|request| (request.at, self.asked(request))).collect();
        told.extend(mark(self.marks.logged_off, "Windows: the last user is logged off (7002)"));
        told.extend(mark(self.marks.log_stopped, "Windows: the event log service stopped (6006)"));
        told.extend(mark(self.marks.kernel, "Windows: the kernel began to shut down (109)"));
        told.extend(mark(self.marks.stopped, "Windows: the kernel stopped (13)"));
        told.extend(self.slept.map(|sleep| {
            let how = if sleep.fast_startup { "hibernates for a Fast Startup" } else { "goes to sleep" };
            (sleep.at, format!("Windows {how} (42)"))
        }));
        told.extend(self.troubles.iter().map(|(at, event, name)| (*at, trouble(*event, name))));
        told.extend(self.culprits.iter().filter_map(|culprit| Some((self.span().1, slowed(culprit)?))));
        told.extend(self.unexpected());
        told.sort_by_key(|(at, _)| *at);
        told
    }

    fn asked(&self, request: &super::cycles::Request) -> String {
        let what = match self.kind {
            Some(GuestLogType::Restart) => "restart",
            Some(GuestLogType::PowerOff) => "power off",
            Some(GuestLogType::Sleep) => "sleep",
            _ => "shut down",
        };
        let user = if request.user.is_empty() {
            String::new()
        } else {
            format!(", in the name of {}", request.user)
        };
        format!(
            "Windows: {} asked it to {what} (1074, reason {}{user})",
            request.process, request.reason_code
        )
    }

    fn unexpected(&self) -> Option<(DateTime<Utc>, String)> {
        let at = self.last_seen().unwrap_or(self.span().0);
        let text = match &self.bugcheck {
            Some(code) => format!("Windows ended with bug check {code}, it says at its next start"),
            None => "Windows did not end as it should, it says at its next start (41, 6008)".to_owned(),
        };
        (self.ended == GuestLogEnd::Unexpected).then_some((at, text))
    }

    /// The phase that took longest, and its seconds.
    pub fn longest(&self) -> Option<(GuestPhaseName, f64)> {
        let phases = self.log().phases;
        let longest = phases.into_iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds))?;
        Some((longest.name, longest.seconds))
    }

    /// The phase in which it was when nothing more was written, and since when; none where the kernel
    /// stopped.
    pub fn unfinished(&self) -> Option<(GuestPhaseName, DateTime<Utc>)> {
        let marks = self.marks;
        let reached = [
            (marks.kernel, GuestPhaseName::Kernel),
            (marks.log_stopped, GuestPhaseName::Services),
            (
                marks.logged_off.filter(|at| marks.asked.is_some_and(|asked| asked <= *at)),
                GuestPhaseName::Preshutdown,
            ),
            (marks.asked, GuestPhaseName::Sessions),
        ];
        let last = reached.into_iter().find_map(|(at, phase)| Some((phase, at?)))?;
        (marks.stopped.is_none() && self.slept.is_none()).then_some(last)
    }

    /// Whether two requests are one that the Shutdown Event Tracker stood between: Explorer with the
    /// reason that was picked, then winlogon. With the seconds from one to the other.
    pub fn tracker(&self) -> Option<f64> {
        let [first, .., last] = self.requests.as_slice() else { return None };
        let is_winlogon = last.process.to_ascii_lowercase().ends_with("winlogon.exe");
        let by_shell = first.process.to_ascii_lowercase().ends_with("explorer.exe");
        (is_winlogon && by_shell).then(|| super::phases::seconds(first.at, last.at))
    }

    /// Whoever is named as holding it up, for a sentence; empty where nobody is.
    pub fn holders(&self) -> String {
        let names: Vec<&str> = self.culprits.iter().take(3).map(|culprit| culprit.name.as_str()).collect();
        if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) }
    }
}

fn trouble(event: u32, name: &str) -> String {
    let what = match event {
        7043 => "did not shut down in time after its pre-shutdown notice",
        7023 => "ended with an error",
        _ => "ended unexpectedly",
    };
    format!("Windows: service {name} {what} ({event})")
}

fn slowed(culprit: &Culprit) -> Option<String> {
    let kind = match culprit.kind {
        CulpritKind::Application => "application",
        CulpritKind::Service => "service",
        CulpritKind::Driver => "driver or device",
    };
    Some(format!("Windows: {kind} {} took {:.1} s to end", culprit.name, culprit.seconds?))
}
