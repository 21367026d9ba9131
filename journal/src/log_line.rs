//! Lines of a domain's log (`/var/log/libvirt/qemu/NAME.log`) that libvirt and QEMU wrote.
//!
//! ```text
//! libvirt  2026-11-23 04:17:20.423+0000: shutting down, reason=shutdown      always UTC, milliseconds
//! QEMU     2026-11-23T04:17:20.423319Z qemu-system-x86_64: terminating …     always UTC, microseconds
//! ```
//!
//! QEMU's output stands in the same file as libvirt's, and a guest can influence parts of it. So only a
//! line that has its writer's form from its first byte to its last counts; one that a guest could write
//! with exactly that form cannot be told from a real one.

use crate::record::{ShutoffReason, Termination};

/// The lines of libvirt that tell of a domain's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line<'a> {
    /// It starts QEMU; what follows `starting up`, without the comma and blank in between.
    StartingUp(&'a str),
    /// The domain is off; without a reason before libvirt 4.1.
    ShuttingDown(Option<ShutoffReason>),
    /// Anything else that it says.
    Other(&'a str),
}

/// What libvirt says in `line`; none where the line is not libvirt's.
pub fn libvirt(line: &[u8]) -> Option<Line<'_>> {
    let text = std::str::from_utf8(line.get(libvirt_stamp(line)?.len() + 2..)?).ok()?;
    if let Some(rest) = text.strip_prefix("starting up") {
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        return Some(if rest.is_empty() || rest.starts_with("libvirt version: ") {
            Line::StartingUp(rest)
        } else {
            Line::Other(text)
        });
    }
    if text == "shutting down" {
        return Some(Line::ShuttingDown(None));
    }
    let reason = text.strip_prefix("shutting down, reason=").filter(|reason| is_reason(reason));
    Some(
        reason.map_or(Line::Other(text), |reason| {
            Line::ShuttingDown(Some(ShutoffReason::from_libvirt(reason)))
        }),
    )
}

/// libvirt's time stamp: `2026-11-23 04:17:20.423+0000`.
pub fn libvirt_stamp(line: &[u8]) -> Option<&[u8]> {
    const FORM: &[u8] = b"0000-00-00 00:00:00.000";
    const ZONE: &[u8] = b"+0000: ";
    let begin = fits(line, FORM)?;
    line[begin.len()..].starts_with(ZONE).then(|| &line[..FORM.len() + ZONE.len() - 2])
}

/// QEMU's time stamp (`-msg timestamp=on`, which libvirt sets): `2026-11-23T04:17:20.423319Z`.
pub fn qemu_stamp(line: &[u8]) -> Option<&[u8]> {
    const FORM: &[u8] = b"0000-00-00T00:00:00.000000Z ";
    fits(line, FORM).map(|stamp| &stamp[..FORM.len() - 1])
}

/// The beginning of a line that has this form: `0` is any digit.
fn fits<'a>(line: &'a [u8], form: &[u8]) -> Option<&'a [u8]> {
    let begin = line.get(..form.len())?;
    let fit = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == form,
    };
    begin.iter().zip(form).all(fit).then_some(begin)
}

/// QEMU's line on the signal it ends for:
/// `2026-11-23T04:17:20.423319Z qemu-system-x86_64: terminating on signal 15 from pid 6530 (/usr/sbin/libvirtd)`.
pub fn termination(line: &[u8]) -> Option<Termination> {
    let text = std::str::from_utf8(line).ok()?;
    let (before, rest) = text.split_once(": terminating on signal ")?;
    // Time stamp and program, or only the program: two words at most.
    if before.split(' ').count() > 2 {
        return None;
    }
    let (signal, sender) =
        rest.split_once(" from pid ").map_or((rest, None), |(signal, of)| (signal, Some(of)));
    let (pid, name) = sender.map_or((None, None), |sender| {
        sender.split_once(' ').map_or((Some(sender), None), |(pid, name)| (Some(pid), Some(name)))
    });
    let name = name.and_then(|name| name.strip_prefix('(')?.strip_suffix(')'));
    Some(Termination {
        signal: signal.parse().ok()?,
        pid: pid.and_then(|pid| pid.parse().ok()),
        name: name.filter(|name| *name != "<unknown process>").map(str::to_owned),
    })
}

/// libvirt's reasons are lower-case words (one is `from snapshot`); newer ones are taken as they are.
fn is_reason(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b' ')
}
