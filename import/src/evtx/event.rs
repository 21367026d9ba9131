//! Events: what a record of an event log says about a shutdown.
//!
//! Providers are spelled differently by version (`User32`, `USER32`), classic ones name no fields, and
//! texts are in the guest's language: what decides are numbers, codes and positions.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};
use memchr::memmem;
use serde::Deserialize;
use serde_json::{Map, Value};
use softoff_journal::record::{WindowsEntry, WindowsEvent};

/// Texts are cut to so many bytes.
const TEXT: usize = 256;
/// The most stretches of one event 200 that are kept.
const STRETCHES: usize = 32;

/// As much of a record as tells whether it bears on a shutdown.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(rename = "Event", borrow)]
    event: Head<'a>,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "System", borrow)]
    system: Origin<'a>,
}

#[derive(Deserialize)]
struct Origin<'a> {
    #[serde(rename = "Provider", borrow)]
    provider: Attributes<'a>,
    #[serde(rename = "EventID")]
    event_id: Value,
}

#[derive(Deserialize)]
struct Attributes<'a> {
    #[serde(rename = "#attributes", borrow)]
    attributes: Provider<'a>,
}

#[derive(Deserialize)]
struct Provider<'a> {
    #[serde(rename = "Name", borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(rename = "EventSourceName", borrow, default)]
    source: Option<Cow<'a, str>>,
}

/// The providers that are listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    User32,
    EventLog,
    KernelPower,
    KernelGeneral,
    Winlogon,
    Services,
    Servicing,
    Update,
    ErrorReporting,
    Performance,
}

const PROVIDERS: &[(&str, Who)] = &[
    ("User32", Who::User32),
    ("EventLog", Who::EventLog),
    ("Microsoft-Windows-Eventlog", Who::EventLog),
    ("Microsoft-Windows-Kernel-Power", Who::KernelPower),
    ("Microsoft-Windows-Kernel-General", Who::KernelGeneral),
    ("Microsoft-Windows-Winlogon", Who::Winlogon),
    ("Service Control Manager", Who::Services),
    ("Microsoft-Windows-Servicing", Who::Servicing),
    ("Microsoft-Windows-WindowsUpdateClient", Who::Update),
    ("Microsoft-Windows-WER-SystemErrorReporting", Who::ErrorReporting),
    ("BugCheck", Who::ErrorReporting),
    ("Microsoft-Windows-Diagnostics-Performance", Who::Performance),
];

impl Provider<'_> {
    fn who(&self) -> Option<Who> {
        let by = |name: &Cow<'_, str>| {
            let named = PROVIDERS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            named.map(|(_, who)| *who)
        };
        self.name.as_ref().and_then(by).or_else(|| self.source.as_ref().and_then(by))
    }
}

/// The event that a record, as JSON, tells of; none where it does not bear on a shutdown. `written` is
/// the time in the record's header, for those that name none.
pub fn event(json: &[u8], written: DateTime<Utc>) -> Option<(DateTime<Utc>, WindowsEvent)> {
    if !may_bear_on_shutdowns(json) {
        return None;
    }
    let head = serde_json::from_slice::<Document<'_>>(json).ok()?.event.system;
    let who = head.provider.attributes.who()?;
    let number = u32::try_from(number(text_of(&head.event_id))?).ok()?;
    if !bears_on_shutdowns(who, number) {
        return None;
    }
    let record: Value = serde_json::from_slice(json).ok()?;
    let system = &record["Event"]["System"];
    let entry = entry(who, number, &Data::of(&record["Event"]), system)?;
    let at = system["TimeCreated"]["#attributes"]["SystemTime"].as_str();
    let at = at.and_then(|at| at.parse::<DateTime<Utc>>().ok()).unwrap_or(written);
    let event = WindowsEvent {
        computer: text(&system["Computer"]),
        domain: None,
        channel: text(&system["Channel"]),
        record_id: self::number(&system["EventRecordID"]).unwrap_or(0),
        entry,
    };
    Some((at, event))
}

/// Most records are about something else: what their number rules out is not looked at further. No text
/// can hold the key, as quotes in it are escaped.
fn may_bear_on_shutdowns(json: &[u8]) -> bool {
    const KEY: &[u8] = b"\"EventID\":";
    const TEXT: &[u8] = b"\"#text\":";
    let Some(at) = memmem::find(json, KEY) else { return true };
    let rest = &json[at + KEY.len()..];
    let rest = match rest.first() {
        Some(b'{') => memmem::find(rest, TEXT).map_or(rest, |at| &rest[at + TEXT.len()..]),
        _ => rest,
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).take(6);
    let number = digits.fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'));
    number == 0 || PROVIDERS.iter().any(|(_, who)| bears_on_shutdowns(*who, number))
}

fn bears_on_shutdowns(who: Who, number: u32) -> bool {
    match who {
        Who::User32 => matches!(number, 1073..=1076),
        Who::EventLog => matches!(number, 6005 | 6006 | 6008),
        Who::KernelPower => matches!(number, 9 | 10 | 40 | 41 | 42 | 107 | 109 | 187),
        Who::KernelGeneral => matches!(number, 12 | 13),
        Who::Winlogon => matches!(number, 7001 | 7002),
        Who::Services => matches!(number, 7023 | 7031 | 7034 | 7043),
        Who::Servicing => number == 4,
        Who::Update => matches!(number, 19..=22 | 43 | 44),
        Who::ErrorReporting => number == 1001,
        Who::Performance => matches!(number, 200..=203),
    }
}

fn entry(who: Who, number: u32, data: &Data<'_>, system: &Value) -> Option<WindowsEntry> {
    Some(match (who, number) {
        (Who::User32, 1073) => WindowsEntry::Refused,
        (Who::User32, 1074) => asked(data, system),
        (Who::User32, 1075) => WindowsEntry::CalledOff,
        (Who::User32, _) => WindowsEntry::Explained,
        (Who::EventLog, 6005) => WindowsEntry::LogStarted,
        (Who::EventLog, 6006) => WindowsEntry::LogStopped,
        (Who::EventLog, _) => WindowsEntry::Unexpected { last_alive: data.last_alive() },
        (Who::KernelPower, 41) => {
            WindowsEntry::PowerLost { bugcheck: data.named_number("BugcheckCode").unwrap_or(0) }
        }
        (Who::KernelPower, 42) => WindowsEntry::Sleep {
            target: data.small("TargetState")?,
            effective: data.small("EffectiveState"),
            reason: data.small("Reason"),
        },
        (Who::KernelPower, 107) => WindowsEntry::Resumed,
        (Who::KernelPower, 109) => WindowsEntry::KernelShutdown { action: data.small("ShutdownActionType") },
        (Who::KernelPower, 187) => WindowsEntry::SleepAsked { process: data.some_name() },
        (Who::KernelPower, event) => WindowsEntry::Vetoed { event, name: data.some_name() },
        (Who::KernelGeneral, 12) => WindowsEntry::KernelStarted,
        (Who::KernelGeneral, _) => WindowsEntry::KernelStopped,
        (Who::Winlogon, 7001) => WindowsEntry::LoggedOn,
        (Who::Winlogon, _) => WindowsEntry::LoggedOff,
        (Who::Services, event) => WindowsEntry::Service { event, name: data.service() },
        (Who::Servicing, _) => WindowsEntry::ServicingPending,
        (Who::Update, event) => WindowsEntry::Update { event },
        (Who::ErrorReporting, _) => WindowsEntry::BugCheck { code: first_word(&data.nth(1)) },
        (Who::Performance, 200) => WindowsEntry::ShutdownTimes { milliseconds: data.stretches() },
        (Who::Performance, event) => WindowsEntry::Slowed {
            event,
            name: data.some_name(),
            milliseconds: data.named_number("TotalTime").unwrap_or(0),
        },
    })
}

fn asked(data: &Data<'_>, system: &Value) -> WindowsEntry {
    let here = [data.nth(2), text(&system["Computer"])];
    WindowsEntry::Asked {
        process: without_host(&data.nth(1), &here),
        reason_code: data.nth(4),
        kind: data.nth(5),
        user: data.nth(7),
    }
}

/// `C:\…\winlogon.exe (HOST)` without this host; another host is the one that asked from afar.
fn without_host(process: &str, here: &[String]) -> String {
    let parts = process.strip_suffix(')').and_then(|process| process.rsplit_once(" ("));
    match parts {
        Some((program, host)) if here.iter().any(|name| name.eq_ignore_ascii_case(host)) => {
            program.to_owned()
        }
        _ => process.to_owned(),
    }
}

/// What an event says besides who, when and where.
struct Data<'a> {
    fields: Option<&'a Map<String, Value>>,
}

impl<'a> Data<'a> {
    fn of(event: &'a Value) -> Self {
        let fields = event["EventData"].as_object().or_else(|| {
            // What stands under UserData has one element of the provider's own around it.
            let user = event["UserData"].as_object()?;
            user.values().find_map(Value::as_object)
        });
        Self { fields }
    }

    fn named(&self, name: &str) -> Option<&'a Value> {
        self.fields?.get(name)
    }

    fn named_number(&self, name: &str) -> Option<u64> {
        number(self.named(name)?)
    }

    fn small(&self, name: &str) -> Option<u32> {
        u32::try_from(self.named_number(name)?).ok()
    }

    /// A field by its position, counted from 1: `param1`, or the first of those without a name.
    fn nth(&self, position: usize) -> String {
        let named = self.named(&format!("param{position}"));
        let unnamed = || {
            let data = text_of(self.named("Data")?);
            match data {
                Value::Array(all) => all.get(position - 1),
                one => Some(one).filter(|_| position == 1),
            }
        };
        named.or_else(unnamed).map(text).unwrap_or_default()
    }

    /// A service by its name on the screen and, where it is told, the one in the registry, which is the
    /// same in every language.
    fn service(&self) -> String {
        let shown = self.nth(1);
        let key = self.binary().map(|bytes| utf16(&bytes)).filter(|key| !key.is_empty() && *key != shown);
        match key {
            Some(key) if shown.is_empty() => key,
            Some(key) => cut(&format!("{shown} ({key})")).to_owned(),
            None => shown,
        }
    }

    /// Whoever an event is about, by the first field that is known to name somebody.
    fn some_name(&self) -> String {
        const NAMES: [&str; 9] = [
            "FriendlyName",
            "Name",
            "AppName",
            "ServiceName",
            "DriverName",
            "ProcessPath",
            "ProcessName",
            "param1",
            "Data",
        ];
        let texts = NAMES.iter().filter_map(|name| self.named(name)).map(|value| text(text_of(value)));
        texts.into_iter().find(|name| !name.is_empty()).unwrap_or_default()
    }

    fn stretches(&self) -> Vec<(String, u64)> {
        let fields = self.fields.into_iter().flatten().filter(|(name, _)| name.ends_with("Time"));
        let numbers = fields.filter_map(|(name, value)| Some((cut(name).to_owned(), number(value)?)));
        numbers.take(STRETCHES).collect()
    }

    /// The second of the two SYSTEMTIMEs is UTC; the texts beside them are in the guest's language.
    fn last_alive(&self) -> Option<DateTime<Utc>> {
        system_time(self.binary()?.get(16..32)?)
    }

    fn binary(&self) -> Option<Vec<u8>> {
        let digits = self.named("Binary")?.as_str()?.as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        digits.chunks(2).take(2 * TEXT).map(byte).collect()
    }
}

/// Year, month, day of the week, day, hour, minute, second, millisecond: 16 bits each.
fn system_time(bytes: &[u8]) -> Option<DateTime<Utc>> {
    let field = |at: usize| Some(u16::from_le_bytes(bytes.get(2 * at..2 * at + 2)?.try_into().ok()?));
    let date = NaiveDate::from_ymd_opt(field(0)?.into(), field(1)?.into(), field(3)?.into())?;
    let (hour, minute, second) = (field(4)?, field(5)?, field(6)?);
    let time = date.and_hms_milli_opt(hour.into(), minute.into(), second.into(), field(7)?.into())?;
    Some(time.and_utc())
}

fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    cut(&String::from_utf16_lossy(&units)).to_owned()
}

/// The text of an element that has attributes too.
fn text_of(value: &Value) -> &Value {
    value.get("#text").unwrap_or(value)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => cut(text).to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Array(all) => all.first().map(text).unwrap_or_default(),
        _ => String::new(),
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        },
        _ => None,
    }
}

fn first_word(text: &str) -> String {
    text.split_whitespace().next().unwrap_or_default().to_owned()
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(provider: &str, number: u64, data: &Value) -> Option<WindowsEntry> {
        let record = json!({"Event": {
            "System": {
                "Provider": {"#attributes": {"Name": provider}},
                "EventID": {"#attributes": {"Qualifiers": 32768}, "#text": number},
                "TimeCreated": {"#attributes": {"SystemTime": "2019-09-02T15:57:46.4110000Z"}},
                "EventRecordID": 7, "Channel": "System", "Computer": "web-1.example",
            },
            "EventData": data,
        }});
        let (at, event) = event(&serde_json::to_vec(&record).unwrap(), DateTime::UNIX_EPOCH)?;
        assert_eq!(at.to_rfc3339(), "2019-09-02T15:57:46.411+00:00");
        assert_eq!((event.computer.as_str(), event.record_id), ("web-1.example", 7));
        Some(event.entry)
    }

    fn asked_by(process: &str) -> WindowsEntry {
        WindowsEntry::Asked {
            process: process.to_owned(),
            reason_code: "0x500ff".to_owned(),
            kind: "power off".to_owned(),
            user: "A\\B".to_owned(),
        }
    }

    #[test]
    fn a_request_reads_the_same_with_and_without_names_of_fields() {
        let named = json!({"param1": "C:\\winlogon.exe (WEB-1)", "param2": "WEB-1", "param3": "x", "param4": "0x500ff",
            "param5": "power off", "param6": "", "param7": "A\\B"});
        assert_eq!(read("User32", 1074, &named), Some(asked_by("C:\\winlogon.exe")));
        let unnamed = json!({"Data": {"#text": ["C:\\winlogon.exe (WEB-1)", "WEB-1", "x", "0x500ff", "power off", "", "A\\B"]}});
        assert_eq!(read("USER32", 1074, &unnamed), Some(asked_by("C:\\winlogon.exe")));
    }

    #[test]
    fn a_request_from_afar_keeps_the_host_it_came_from() {
        let data = json!({"param1": "wininit.exe (10.3.58.4)", "param2": "WEB-1", "param4": "0x500ff",
            "param5": "power off", "param7": "A\\B"});
        assert_eq!(read("User32", 1074, &data), Some(asked_by("wininit.exe (10.3.58.4)")));
    }

    #[test]
    fn an_unexpected_stop_is_dated_by_the_second_system_time_which_is_utc() {
        let binary = "DC0704000500060009003B000D001D00DC070400050006000D003B000D001D0060";
        let last_alive = Some("2012-04-06T13:59:13.029Z".parse().unwrap());
        let data = json!({"Data": {"#text": ["9:59:13", "\u{200e}4/\u{200e}6/2012"]}, "Binary": binary});
        assert_eq!(read("EventLog", 6008, &data), Some(WindowsEntry::Unexpected { last_alive }));
        let entry = WindowsEntry::Unexpected { last_alive: None };
        assert_eq!(read("EventLog", 6008, &json!({"Binary": "00"})), Some(entry));
    }

    #[test]
    fn a_service_is_named_in_the_guests_language_and_in_the_registrys() {
        let data = json!({"param1": "Diagnostics Tracking Service", "Binary": "440069006100670054007200610063006B000000"});
        let name = "Diagnostics Tracking Service (DiagTrack)".to_owned();
        assert_eq!(
            read("Service Control Manager", 7043, &data),
            Some(WindowsEntry::Service { event: 7043, name })
        );
    }

    #[test]
    fn the_stretches_of_a_shutdown_are_its_numbers_in_milliseconds() {
        let data = json!({"ShutdownStartTime": "2023-11-05T22:31:30Z", "ShutdownTime": 12819, "ShutdownKernelTime": "260",
            "ShutdownIsDegradation": false});
        let milliseconds = vec![("ShutdownTime".to_owned(), 12819), ("ShutdownKernelTime".to_owned(), 260)];
        let entry = WindowsEntry::ShutdownTimes { milliseconds };
        assert_eq!(read("Microsoft-Windows-Diagnostics-Performance", 200, &data), Some(entry));
    }

    #[test]
    fn events_of_others_and_other_events_do_not_bear_on_shutdowns() {
        assert_eq!(read("User32", 1077, &json!({})), None);
        assert_eq!(read("Application Popup", 1074, &json!({})), None);
    }

    #[test]
    fn texts_are_bounded() {
        let data = json!({"param1": "ü".repeat(10_000)});
        let Some(WindowsEntry::Asked { process, .. }) = read("User32", 1074, &data) else { panic!() };
        assert_eq!(process.len(), TEXT);
    }
}
