//! The init (PID 1) of the lab's guests: brings up just enough of Linux to receive the ACPI power
//! button, says that it is ready, and plays the role its kernel command line names.
//!
//! The same program is, under other names, what the guest agent runs to shut the guest down, an agent
//! that answers nothing, and the programs by which a guest that plays Windows tells its settings.

mod agent;
mod button;
mod devices;
mod disk;
mod frame;
mod hibernation;
mod machine;
mod player;
mod requests;
mod screen;
mod windows;
mod work;

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use anyhow::Context;
use rustix::process::getpid;
use softoff_guest::{MARK, Plan};

use crate::agent::GuestAgent;
use crate::devices::Devices;
use crate::disk::Disk;
use crate::player::Player;
use crate::requests::Requests;

fn main() -> ExitCode {
    if getpid().is_init() {
        init();
    }
    said(help())
}

fn init() -> ! {
    said(live());
    // The kernel panics when PID 1 ends; a guest that has nothing left to do just stays.
    loop {
        thread::park();
    }
}

/// Says on the console what failed.
fn said(done: anyhow::Result<()>) -> ExitCode {
    let Err(error) = done else { return ExitCode::SUCCESS };
    println!("{MARK}failed: {error:#}");
    ExitCode::FAILURE
}

/// Comes up and plays the role. Returns where that fails.
fn live() -> anyhow::Result<()> {
    machine::mount_kernel_filesystems()?;
    let command_line = fs::read_to_string("/proc/cmdline").context("cannot read /proc/cmdline")?;
    let plan: Plan = command_line.parse()?;
    machine::load_modules(&Devices::find(&plan).modules())?;
    let disk = Disk::open()?;
    let requests = Requests::listen()?;
    if plan.settings.is_some() {
        windows::dress_up()?;
    }
    let agent = GuestAgent::start(plan.agent)?;
    work::start_load(plan.load)?;
    Player::new(plan, disk, agent, requests).play()
}

/// Does what the program's name tells, for the init.
fn help() -> anyhow::Result<()> {
    let mut arguments = env::args();
    let name = arguments.next().unwrap_or_default();
    match Path::new(&name).file_name().and_then(|name| name.to_str()) {
        Some("shutdown") => return requests::pass_on(arguments),
        Some("reg") => windows::reg(&arguments.collect::<Vec<_>>()),
        Some("powercfg") => windows::powercfg(&arguments.collect::<Vec<_>>()),
        _ => {}
    }
    anyhow::ensure!(
        name == agent::SILENT,
        "{name:?} is the init of the lab's guests, not to be run elsewhere"
    );
    agent::stay_silent(Path::new(&arguments.next().context("the silent agent needs a port")?))
}
