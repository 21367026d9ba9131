//! Playing Windows towards the agent: its name for the system, and the two programs that tell its settings,
//! in the form in which Windows prints them.

use std::fs;
use std::process::exit;

use anyhow::Context;
use softoff_guest::{Plan, Settings};

/// What qemu-ga for Linux reads the system's name from. The id is what its Windows twin says.
const OS_RELEASE: &str = "ID=mswindows
NAME=\"Microsoft Windows\"
PRETTY_NAME=\"Windows Server 2022 Standard\"
VERSION=\"Microsoft Windows Server 2022\"
VERSION_ID=2022
";

/// Makes qemu-ga call this guest a Windows.
pub fn dress_up() -> anyhow::Result<()> {
    fs::create_dir_all("/etc")
        .and_then(|()| fs::write("/etc/os-release", OS_RELEASE))
        .context("cannot write /etc/os-release")
}

/// `reg query KEY /v NAME`.
pub fn reg(arguments: &[String]) -> ! {
    let value = match arguments {
        [query, _key, v, name] if query == "query" && v == "/v" => value(settings(), name),
        _ => None,
    };
    let Some(value) = value else {
        eprint!("ERROR: The system was unable to find the specified registry key or value.\r\n");
        exit(1);
    };
    let (key, name) = (arguments[1].replacen("HKLM", "HKEY_LOCAL_MACHINE", 1), &arguments[3]);
    print!("\r\n{key}\r\n    {name}    REG_DWORD    {value:#x}\r\n\r\n");
    exit(0);
}

fn value(settings: Settings, name: &str) -> Option<u32> {
    match name {
        "ShutdownReasonOn" | "ShutdownReasonUI" => Some(settings.tracker),
        "ShutdownWithoutLogon" => Some(settings.without_logon),
        _ => None,
    }
}

/// `powercfg /q SCHEME_CURRENT SUB_BUTTONS PBUTTONACTION`.
pub fn powercfg(arguments: &[String]) -> ! {
    if arguments != ["/q", "SCHEME_CURRENT", "SUB_BUTTONS", "PBUTTONACTION"] {
        eprint!("Invalid Parameters -- try \"/?\" for help\r\n");
        exit(1);
    }
    let button = settings().button;
    print!(
        "Power Scheme GUID: 381b4222-f694-41f0-9685-ff5bb260df2e  (Balanced)\r\n\
         \x20 Subgroup GUID: 4f971e89-eebd-4455-a8de-9e59040e7347  (Power buttons and lid)\r\n\
         \x20   Power Setting GUID: 7648efa3-dd9c-4e3e-b566-50f929386280  (Power button action)\r\n\
         \x20     Possible Setting Index: 000\r\n\
         \x20     Possible Setting Friendly Name: Do nothing\r\n\
         \x20     Possible Setting Index: 003\r\n\
         \x20     Possible Setting Friendly Name: Shut down\r\n\
         \x20   Current AC Power Setting Index: {button:#010x}\r\n\
         \x20   Current DC Power Setting Index: {button:#010x}\r\n\r\n"
    );
    exit(0);
}

/// What the guest was told to say.
fn settings() -> Settings {
    let command_line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let plan = command_line.parse::<Plan>().ok();
    plan.and_then(|plan| plan.settings).unwrap_or(Settings::GOOD)
}
