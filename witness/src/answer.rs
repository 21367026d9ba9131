//! What a guest's agent answers, as libvirt passes it on: JSON that the guest wrote, so it may be anything.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use softoff_journal::record::GuestOs;

/// The most bytes that are taken of an answer. libvirt takes 10 MiB.
const MAX_ANSWER: usize = 256 << 10;

/// The most bytes that are kept of each text of it.
const MAX_TEXT: usize = 256;

/// What a program in the guest came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Output {
    /// Its exit status.
    pub code: i64,
    /// What it printed.
    pub bytes: Vec<u8>,
}

#[derive(Deserialize)]
struct Returned<T> {
    r#return: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct OsInfo {
    id: Option<String>,
    pretty_name: Option<String>,
    version: Option<String>,
    kernel_release: Option<String>,
}

#[derive(Deserialize)]
struct Started {
    pid: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Status {
    exited: bool,
    exitcode: Option<i64>,
    #[serde(default)]
    out_data: String,
    #[serde(default)]
    out_truncated: bool,
}

/// Whether it is an answer at all, of whatever kind.
pub fn of_ping(json: &str) -> Result<(), String> {
    returned::<IgnoredAny>("guest-ping", json).map(drop)
}

/// The answer to `guest-get-osinfo`.
pub fn of_osinfo(json: &str) -> Result<GuestOs, String> {
    let OsInfo { id, pretty_name, version, kernel_release } = returned("guest-get-osinfo", json)?;
    let [id, pretty_name, version, kernel_release] =
        [id, pretty_name, version, kernel_release].map(|text| text.map(|text| short(&text)));
    Ok(GuestOs { id, pretty_name, version, kernel_release })
}

/// The answer to `guest-exec`: the number of the process.
pub fn of_exec(json: &str) -> Result<i64, String> {
    Ok(returned::<Started>("guest-exec", json)?.pid)
}

/// The answer to `guest-exec-status`; `None` while it runs.
pub fn of_exec_status(json: &str) -> Result<Option<Output>, String> {
    let status: Status = returned("guest-exec-status", json)?;
    if !status.exited {
        return Ok(None);
    }
    let code = status.exitcode.ok_or("it was ended by a signal or an exception in the guest")?;
    if status.out_truncated {
        return Err("it printed more than the agent keeps".to_owned());
    }
    let bytes = STANDARD
        .decode(&status.out_data)
        .map_err(|error| format!("the agent's answer holds no base64 ({error})"))?;
    Ok(Some(Output { code, bytes }))
}

fn returned<T: DeserializeOwned>(command: &str, json: &str) -> Result<T, String> {
    if json.len() > MAX_ANSWER {
        return Err(format!("the answer to {command} has {} bytes, which makes no sense", json.len()));
    }
    serde_json::from_str::<Returned<T>>(json)
        .map(|answer| answer.r#return)
        .map_err(|error| short(&format!("the answer to {command} makes no sense ({error})")))
}

/// A text of the guest without control characters, and not too long.
fn short(text: &str) -> String {
    let mut short = String::new();
    for char in text.chars().filter(|char| !char.is_control()) {
        if short.len() + char.len_utf8() > MAX_TEXT {
            break;
        }
        short.push(char);
    }
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn windows_says_what_it_is() {
        let json = r#"{"return":{"name":"Microsoft Windows","kernel-release":"20348","version":"Microsoft Windows Server 2022","variant":"server","pretty-name":"Windows Server 2022 Standard","version-id":"2022","variant-id":"server","kernel-version":"10.0","machine":"x86_64","id":"mswindows"}}"#;
        let os = of_osinfo(json).expect("an answer");
        assert_eq!(os.id.as_deref(), Some("mswindows"));
        assert_eq!(os.pretty_name.as_deref(), Some("Windows Server 2022 Standard"));
        assert_eq!(os.kernel_release.as_deref(), Some("20348"));
    }

    #[test]
    fn a_program_runs_and_has_ended() {
        assert_eq!(of_exec(r#"{"return":{"pid":1234}}"#), Ok(1234));
        assert_eq!(of_exec_status(r#"{"return":{"exited":false}}"#), Ok(None));
        let ended = of_exec_status(r#"{"return":{"exitcode":1,"out-data":"aGk=","exited":true}}"#);
        assert_eq!(ended, Ok(Some(Output { code: 1, bytes: b"hi".to_vec() })));
    }

    #[test]
    fn answers_that_make_no_sense_are_refused_with_a_reason() {
        let huge = format!(r#"{{"return":{{"id":"{}"}}}}"#, "x".repeat(MAX_ANSWER));
        let deep = format!(r#"{{"return":{}"#, "[".repeat(100_000));
        for json in ["", "null", "{}", "[1]", r#"{"return":{"id":7}}"#, r#"{"return":3}"#, &huge, &deep] {
            let why = of_osinfo(json).expect_err("no answer");
            assert!(why.len() <= MAX_TEXT, "{why}");
        }
        let cases = [
            r#"{"return":{"exited":true}}"#,
            r#"{"return":{"exited":"yes"}}"#,
            r#"{"return":{"exited":true,"exitcode":0,"out-data":"%%%"}}"#,
            r#"{"return":{"exited":true,"exitcode":0,"out-data":"","out-truncated":true}}"#,
        ];
        for json in cases {
            of_exec_status(json).expect_err(json);
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let name = format!("\u{1b}[2J{}", "가".repeat(200));
        let json = serde_json::json!({ "return": { "pretty-name": name } }).to_string();
        let pretty = of_osinfo(&json).expect("an answer").pretty_name.expect("a name");
        assert!(pretty.starts_with("[2J가") && pretty.len() <= MAX_TEXT, "{pretty}");
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused(json: String) {
            let _ = (of_ping(&json), of_osinfo(&json), of_exec(&json), of_exec_status(&json));
        }
    }
}
