//! From lines to entries.
//!
//! ```text
//!                 libvirt: starting up            -uuid …, or the command line's end
//!  ── any line ──────────────────────▶ starting ───────────────────────────────▶ Starting
//!  ── terminating on signal, shutting down, panic ─────────────────────────────▶ that entry, with its time
//!  ── a death without a time ────────▶ untimed ── next line that has one ──────▶ Died, with that one's time
//! ```
//!
//! A guest whose words reach QEMU's output can forge a line there. Libvirt's last word on a run is its
//! true one, as QEMU is gone by then; entries are given as they stand, and who reads them goes by the last.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use memchr::memmem;
use softoff_journal::log_line::{self, Line};
use softoff_journal::record::{Death, DomainLog, LogEntry};
use uuid::Uuid;

use super::death;

/// The longest text of a death that is kept, in bytes.
const TEXT: usize = 512;
/// The most deaths, and the most signals, that one run is believed.
const OF_A_RUN: u32 = 16;
/// libvirt and QEMU stamp their lines before they write them: this far apart they may come in the wrong order.
const DISORDER: TimeDelta = TimeDelta::seconds(10);

/// What was found in a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// How often libvirt started the domain.
    pub starts: u64,
    /// How often it said that the domain is off.
    pub ends: u64,
    /// Starts after which nothing tells of an end before the next one.
    pub endless: u64,
    /// Deaths of guests and of QEMU.
    pub deaths: u64,
    /// Entries left out: more than one run can have, or without a time anywhere after or before them.
    pub left_out: u64,
    /// Whether any line has a time.
    pub timed: bool,
    /// The domain runs at the log's end.
    pub running: bool,
}

/// Takes lines, gives entries.
#[derive(Debug)]
pub struct Parser {
    domain: String,
    line: u64,
    starting: Option<Starting>,
    untimed: Vec<(u64, LogEntry)>,
    /// The stamp of the last line that had one, as it stands there.
    stamp: Vec<u8>,
    /// The time of the last entry.
    last: Option<DateTime<Utc>>,
    deaths: u32,
    signals: u32,
    found: Found,
}

/// A start whose command line is still being read.
#[derive(Debug)]
struct Starting {
    line: u64,
    at: DateTime<Utc>,
    libvirt: Option<String>,
    qemu: Option<String>,
    host: Option<String>,
}

impl Parser {
    /// One for the log of this domain.
    pub fn new(domain: String) -> Self {
        Self {
            domain,
            line: 0,
            starting: None,
            untimed: Vec::new(),
            stamp: Vec::new(),
            last: None,
            deaths: 0,
            signals: 0,
            found: Found::default(),
        }
    }

    /// The domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Whether a line with a time was seen.
    pub const fn is_timed(&self) -> bool {
        self.found.timed
    }

    /// Takes the next line.
    pub fn line(&mut self, line: &[u8], give: &mut impl FnMut(DateTime<Utc>, DomainLog)) {
        self.line += 1;
        // Most lines begin with no digit: no stamp.
        if line.first().is_some_and(u8::is_ascii_digit) {
            if let Some(stamp) = log_line::libvirt_stamp(line) {
                return self.libvirt(stamp, line, give);
            }
            if let Some(stamp) = log_line::qemu_stamp(line) {
                return self.qemu(stamp, line, give);
            }
        }
        if self.starting.is_some() {
            return self.command_line(line, give);
        }
        if let Some(entry) = self.bare(line) {
            self.hold(entry);
        }
    }

    /// No more lines.
    pub fn finish(mut self, give: &mut impl FnMut(DateTime<Utc>, DomainLog)) -> Found {
        self.started(None, give);
        match moment(&self.stamp) {
            Some(last) => self.give_untimed(last, give),
            None => self.found.left_out += self.untimed.len() as u64,
        }
        self.found
    }

    fn libvirt(&mut self, stamp: &[u8], line: &[u8], give: &mut impl FnMut(DateTime<Utc>, DomainLog)) {
        let Some(at) = self.stamped(stamp, give) else { return };
        match log_line::libvirt(line) {
            Some(Line::StartingUp(versions)) => self.starting_up(at, versions),
            Some(Line::ShuttingDown(reason)) => {
                self.found.ends += 1;
                self.found.running = false;
                self.give(self.line, at, LogEntry::ShuttingDown { reason }, give);
            }
            Some(Line::Other(text)) => {
                if let Some(entry) = death::of_libvirt(text).and_then(|how| self.died(how, line, true)) {
                    self.give(self.line, at, entry, give);
                }
            }
            None => {}
        }
    }

    fn qemu(&mut self, stamp: &[u8], line: &[u8], give: &mut impl FnMut(DateTime<Utc>, DomainLog)) {
        // Lines that say nothing are many, and their time matters only to what stands without one.
        let text = &line[stamp.len() + 1..];
        let entry = self.said(line, text, true);
        if entry.is_none() && self.untimed.is_empty() && self.starting.is_none() && self.found.timed {
            self.stamp.clear();
            self.stamp.extend_from_slice(stamp);
            return;
        }
        let Some(at) = self.stamped(stamp, give) else { return };
        if let Some(entry) = entry {
            self.give(self.line, at, entry, give);
        }
    }

    /// What a line of QEMU's that has no time says.
    fn bare(&mut self, line: &[u8]) -> Option<LogEntry> {
        self.said(line, line, false)
    }

    fn said(&mut self, line: &[u8], text: &[u8], stamped: bool) -> Option<LogEntry> {
        let told = death::after_program(text).is_some_and(|rest| rest.starts_with(b"terminating on signal "));
        if told {
            return self.terminating(line);
        }
        death::of_qemu(text).and_then(|how| self.died(how, line, stamped))
    }

    fn terminating(&mut self, line: &[u8]) -> Option<LogEntry> {
        let terminated = log_line::termination(line)?;
        self.signals += 1;
        self.allowed(self.signals).then_some(LogEntry::Terminating(terminated))
    }

    fn died(&mut self, how: Death, line: &[u8], stamped: bool) -> Option<LogEntry> {
        self.deaths += 1;
        let text = String::from_utf8_lossy(&line[..line.len().min(TEXT)]);
        let mut text = text.into_owned();
        text.truncate(text.floor_char_boundary(TEXT));
        self.allowed(self.deaths).then(|| {
            self.found.deaths += 1;
            LogEntry::Died { how, text, stamped }
        })
    }

    fn allowed(&mut self, count: u32) -> bool {
        let allowed = count <= OF_A_RUN;
        self.found.left_out += u64::from(!allowed);
        allowed
    }

    fn hold(&mut self, entry: LogEntry) {
        self.untimed.push((self.line, entry));
    }

    /// A line with this time: what waited for one has it now.
    fn stamped(
        &mut self,
        stamp: &[u8],
        give: &mut impl FnMut(DateTime<Utc>, DomainLog),
    ) -> Option<DateTime<Utc>> {
        let at = moment(stamp)?;
        self.started(None, give);
        self.give_untimed(at, give);
        self.stamp.clear();
        self.stamp.extend_from_slice(stamp);
        self.found.timed = true;
        Some(at)
    }

    fn give_untimed(&mut self, at: DateTime<Utc>, give: &mut impl FnMut(DateTime<Utc>, DomainLog)) {
        for (line, entry) in std::mem::take(&mut self.untimed) {
            self.give(line, at, entry, give);
        }
    }

    fn starting_up(&mut self, at: DateTime<Utc>, versions: &str) {
        self.found.starts += 1;
        self.found.endless += u64::from(self.found.running);
        self.found.running = true;
        (self.deaths, self.signals) = (0, 0);
        let host = versions.rsplit_once(", hostname: ").map(|(_, host)| host);
        let field = |name: &str| Some(versions.split_once(name)?.1.split(", ").next()?.trim());
        let owned = |text: &str| (!text.is_empty()).then(|| cut(text).to_owned());
        self.starting = Some(Starting {
            line: self.line,
            at,
            libvirt: field("libvirt version: ").and_then(owned),
            qemu: field(", qemu version: ").and_then(owned),
            host: host.map(str::trim).and_then(owned),
        });
    }

    /// The environment and the command line of QEMU: each line but the last ends in a backslash; before
    /// libvirt 4.8 it is one line.
    fn command_line(&mut self, line: &[u8], give: &mut impl FnMut(DateTime<Utc>, DomainLog)) {
        let uuid = uuid_in(line);
        if uuid.is_some() || !line.ends_with(b"\\") {
            self.started(uuid, give);
        }
    }

    fn started(&mut self, uuid: Option<Uuid>, give: &mut impl FnMut(DateTime<Utc>, DomainLog)) {
        if let Some(Starting { line, at, libvirt, qemu, host }) = self.starting.take() {
            self.give(line, at, LogEntry::Starting { libvirt, qemu, host, uuid }, give);
        }
    }

    fn give(
        &mut self,
        line: u64,
        at: DateTime<Utc>,
        entry: LogEntry,
        give: &mut impl FnMut(DateTime<Utc>, DomainLog),
    ) {
        // A clock that was set back is let stand.
        let at = self.last.filter(|last| at < *last && *last - at <= DISORDER).unwrap_or(at);
        self.last = Some(at);
        give(at, DomainLog { domain: self.domain.clone(), line, entry });
    }
}

/// What a version or a host's name is at most, in bytes.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(256)]
}

/// The domain's UUID in a piece of QEMU's command line.
fn uuid_in(line: &[u8]) -> Option<Uuid> {
    const OPTION: &[u8] = b"-uuid ";
    let at = memmem::find_iter(line, OPTION).find(|at| *at == 0 || line[at - 1] == b' ')?;
    let text = line.get(at + OPTION.len()..at + OPTION.len() + 36)?;
    Uuid::try_parse_ascii(text).ok()
}

/// A stamp of libvirt or QEMU as a time.
fn moment(stamp: &[u8]) -> Option<DateTime<Utc>> {
    let text = std::str::from_utf8(stamp).ok()?;
    let text = text.strip_suffix("+0000").or(text.strip_suffix('Z')).unwrap_or(text);
    let parsed = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];
    parsed.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()).map(|time| time.and_utc())
}
