//! The command line of a QEMU process.
//!
//! QEMU takes `-option value` and `--option value`; values are `key=value,key=value` lists in which
//! a comma is written twice and the first key may be left out (QemuOpts); those of `-device` may be
//! JSON objects instead, as libvirt writes them. Everything here was chosen by an operator: any
//! bytes, any length.

use std::borrow::Cow;

use serde_json::Value;
use uuid::Uuid;

use crate::decode;

/// The longest domain name that is kept, in characters; libvirt's own limit is a file name's.
const MAX_NAME: usize = 512;

/// Options that ask for something else than running a machine.
const NOT_RUNNING: [&str; 3] = ["version", "help", "h"];

/// The name by which guest and host know the agent's port (QEMU's `qga/main.c`).
pub const AGENT: &str = "org.qemu.guest_agent.0";

/// What the command line says about the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommandLine {
    /// `-name guest=`.
    pub name: Option<String>,
    /// `-uuid`.
    pub uuid: Option<Uuid>,
    /// `-accel` or `-machine accel=`, as written; several are separated by colons.
    pub accelerator: Option<String>,
    /// Id of the virtio-serial port of the guest agent, as far as the probes report it.
    pub agent_port: Option<String>,
    /// A machine is named, and a name, a UUID or a QMP monitor is given.
    looks_like_qemu: bool,
    /// `-machine none` (libvirt asking for QEMU's abilities), `-version` or `-help`.
    runs_no_guest: bool,
}

impl CommandLine {
    /// Parses `/proc/PID/cmdline`: arguments, each ended by a zero byte.
    pub fn parse(bytes: &[u8]) -> Self {
        let arguments: Vec<Cow<str>> =
            bytes.split(|byte| *byte == 0).skip(1).map(String::from_utf8_lossy).collect();
        let mut parsed = Self::default();
        let mut machine = false;
        let mut identified = false;
        for (option, value) in options(&arguments) {
            machine |= matches!(option, "machine" | "M");
            identified |= matches!(option, "name" | "uuid" | "qmp");
            parsed.take(option, value);
        }
        parsed.looks_like_qemu = machine && identified;
        parsed
    }

    fn take(&mut self, option: &str, value: &str) {
        match option {
            "name" => self.name = property(value, "guest", "guest").map(bounded),
            "uuid" => self.uuid = value.parse().ok(),
            "device" => self.agent_port = self.agent_port.take().or_else(|| agent_port(value)),
            "accel" => self.add_accelerator(property(value, "accel", "accel")),
            "enable-kvm" => self.add_accelerator(Some("kvm".to_owned())),
            "machine" | "M" => {
                self.add_accelerator(property(value, "type", "accel"));
                self.runs_no_guest |= property(value, "type", "type").is_some_and(|kind| kind == "none");
            }
            _ => self.runs_no_guest |= NOT_RUNNING.contains(&option),
        }
    }

    fn add_accelerator(&mut self, accelerator: Option<String>) {
        self.accelerator = match (self.accelerator.take(), accelerator) {
            (Some(first), Some(next)) if first != next => Some(bounded(format!("{first}:{next}"))),
            (first, next) => first.or(next),
        };
    }

    /// A virtual machine is run here, judged by these arguments and by whether the executable is
    /// known to be a QEMU.
    pub fn runs_guest(&self, known_qemu: bool) -> bool {
        !self.runs_no_guest && (known_qemu || self.looks_like_qemu)
    }

    /// Hardware virtualisation may be in use.
    pub fn may_use_kvm(&self) -> bool {
        self.accelerator.as_ref().is_some_and(|names| names.split(':').any(|name| name == "kvm"))
    }
}

/// Options with their values; without one the value is empty. A value never begins with a dash:
/// libvirt writes names as `guest=…`.
fn options<'a>(arguments: &'a [Cow<str>]) -> impl Iterator<Item = (&'a str, &'a str)> {
    arguments.iter().enumerate().filter_map(|(at, argument)| {
        let option = argument.strip_prefix('-')?;
        let value = arguments.get(at + 1).filter(|next| !next.starts_with('-'));
        Some((option.strip_prefix('-').unwrap_or(option), value.map_or("", |value| value.as_ref())))
    })
}

/// The id of the device, if it is the guest agent's port. A port without an id reports nothing.
fn agent_port(device: &str) -> Option<String> {
    let json: Option<Value> = if device.starts_with('{') { serde_json::from_str(device).ok()? } else { None };
    let get = |key| match &json {
        Some(json) => json.get(key)?.as_str().map(str::to_owned),
        None => property(device, "driver", key),
    };
    let is_agents = get("driver")? == "virtserialport" && get("name")? == AGENT;
    is_agents.then(|| get("id"))?.map(|id| decode::port(id.as_bytes()))
}

/// The value of `key` in a QemuOpts list whose first key, if left out, is `implied`.
fn property(list: &str, implied: &str, key: &str) -> Option<String> {
    elements(list).enumerate().find_map(|(at, element)| match element.split_once('=') {
        Some((name, value)) => (name == key).then(|| value.to_owned()),
        None => (at == 0 && implied == key && !element.is_empty()).then_some(element),
    })
}

/// Splits at single commas; two commas are one comma of the value.
fn elements(list: &str) -> impl Iterator<Item = String> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let mut text = rest.take()?;
        let mut element = String::new();
        loop {
            let Some(comma) = text.find(',') else {
                element.push_str(text);
                return Some(element);
            };
            element.push_str(&text[..comma]);
            text = &text[comma + 1..];
            let Some(after) = text.strip_prefix(',') else {
                rest = Some(text);
                return Some(element);
            };
            text = after;
            element.push(',');
        }
    })
}

fn bounded(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_NAME) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> CommandLine {
        CommandLine::parse(format!("/usr/bin/qemu-system-x86_64\0{}\0", arguments.join("\0")).as_bytes())
    }

    #[test]
    fn libvirts_command_line_gives_name_uuid_and_accelerator() {
        let parsed = parse(&[
            "-name",
            "guest=web,debug-threads=on",
            "-S",
            "-machine",
            "pc-q35-7.2,usb=off",
            "-accel",
            "kvm",
            "-uuid",
            "6a3c1f5e-1111-2222-3333-444455556666",
        ]);
        assert_eq!(parsed.name.as_deref(), Some("web"));
        assert_eq!(parsed.uuid, "6a3c1f5e-1111-2222-3333-444455556666".parse().ok());
        assert_eq!(parsed.accelerator.as_deref(), Some("kvm"));
        assert!(parsed.runs_guest(false) && parsed.may_use_kvm());
    }

    #[test]
    fn a_comma_in_a_name_is_written_twice() {
        assert_eq!(parse(&["-name", "guest=a,,b,,,debug-threads=on"]).name.as_deref(), Some("a,b,"));
        assert_eq!(parse(&["-name", "a,,b,process=x"]).name.as_deref(), Some("a,b"));
        assert_eq!(parse(&["-name", "debug-threads=on,guest=,,"]).name.as_deref(), Some(","));
    }

    #[test]
    fn quotes_newlines_and_equals_signs_are_part_of_a_name() {
        let name = "it's \"quoted\"\n\u{1b}[31m=red= 한글";
        assert_eq!(parse(&["--name", &format!("guest={name},debug-threads=on")]).name.as_deref(), Some(name));
    }

    #[test]
    fn a_name_is_bounded_in_whole_characters() {
        let name = "é".repeat(100_000);
        assert_eq!(parse(&["-name", &name]).name.map(|name| name.chars().count()), Some(MAX_NAME));
    }

    #[test]
    fn accelerators_are_found_wherever_they_are_written() {
        assert_eq!(parse(&["-machine", "q35,accel=kvm:tcg"]).accelerator.as_deref(), Some("kvm:tcg"));
        assert_eq!(parse(&["-M", "pc", "-enable-kvm"]).accelerator.as_deref(), Some("kvm"));
        assert_eq!(parse(&["-accel", "tcg,thread=multi"]).accelerator.as_deref(), Some("tcg"));
        assert_eq!(parse(&["-accel", "kvm", "-accel", "tcg"]).accelerator.as_deref(), Some("kvm:tcg"));
        assert_eq!(parse(&["-M", "pc"]).accelerator, None);
    }

    #[test]
    fn asking_qemu_about_itself_runs_no_guest() {
        for arguments in [
            ["-machine", "none,accel=kvm:tcg", "-qmp", "unix:/x,server"],
            ["-M", "type=none", "-qmp", "stdio"],
            ["-version", "-M", "pc", "-nodefaults"],
        ] {
            assert!(!parse(&arguments).runs_guest(true), "{arguments:?}");
        }
    }

    #[test]
    fn a_guest_is_known_by_its_options_or_by_its_executable() {
        assert!(parse(&["-M", "pc", "-qmp", "stdio"]).runs_guest(false));
        assert!(!parse(&["disk.img"]).runs_guest(false));
        assert!(parse(&["disk.img"]).runs_guest(true));
        assert!(!CommandLine::parse(b"").runs_guest(false));
    }

    fn agent_port(devices: &[&str]) -> Option<String> {
        parse(&devices.iter().flat_map(|device| ["-device", device]).collect::<Vec<_>>()).agent_port
    }

    #[test]
    fn the_agents_port_is_found_by_its_name_however_libvirt_writes_it() {
        let spice = r#"{"driver":"virtserialport","bus":"virtio-serial0.0","nr":2,"chardev":"charchannel1","id":"channel1","name":"com.redhat.spice.0"}"#;
        let json = r#"{"driver":"virtserialport","bus":"virtio-serial0.0","nr":1,"chardev":"charchannel0","id":"channel0","name":"org.qemu.guest_agent.0"}"#;
        let list = "virtserialport,bus=virtio-serial0.0,nr=1,chardev=charchannel0,id=channel0,name=org.qemu.guest_agent.0";
        for agent in [json, list] {
            assert_eq!(agent_port(&[spice, agent]).as_deref(), Some("channel0"), "{agent}");
        }
        assert_eq!(agent_port(&[spice]), None);
    }

    #[test]
    fn only_a_port_with_an_id_is_the_agents() {
        for device in [
            "virtserialport,name=org.qemu.guest_agent.0",
            "virtconsole,id=channel0,name=org.qemu.guest_agent.0",
            "id=channel0",
            r#"{"driver":"virtserialport","id":7,"name":"org.qemu.guest_agent.0"}"#,
            r#"{"driver":"virtserialport","id":"channel0","name":"org.qemu.guest_agent.0""#,
            "{",
            "",
        ] {
            assert_eq!(agent_port(&[device]), None, "{device}");
        }
    }

    #[test]
    fn a_long_id_is_cut_as_the_probe_cuts_it() {
        let device = "virtserialport,id=ua-0123456789abcdef,name=org.qemu.guest_agent.0";
        assert_eq!(agent_port(&[device]).as_deref(), Some("ua-0123456789abc"));
    }

    #[test]
    fn an_option_in_the_place_of_a_value_is_no_value() {
        let parsed = parse(&["-append", "-name", "-uuid", "-M"]);
        assert_eq!((parsed.name, parsed.uuid), (None, None));
    }
}
