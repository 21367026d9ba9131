//! The init (PID 1) of the lab's guests: brings up just enough of Linux to receive the ACPI power
//! button, says that it is ready, and plays the role its kernel command line names.

mod button;
mod machine;

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use softoff_guest::{MARK, Plan, Role, ready_line};

use crate::button::PowerButton;

fn main() -> ! {
    if let Err(error) = live() {
        println!("{MARK}failed: {error:#}");
    }
    // The kernel panics when PID 1 ends; a guest that has nothing left to do just stays.
    loop {
        thread::park();
    }
}

/// Comes up and plays the role. Returns where the role is to do nothing more.
fn live() -> anyhow::Result<()> {
    machine::mount_kernel_filesystems()?;
    let command_line = fs::read_to_string("/proc/cmdline").context("cannot read /proc/cmdline")?;
    let plan: Plan = command_line.parse()?;
    machine::load_modules(plan.role.modules())?;
    match plan.role {
        Role::NotListening => say_ready(plan.role),
        Role::PowerOff => {
            say_ready(plan.role);
            wind_down(plan.delay);
            machine::power_off()?;
        }
        _ => answer_button(plan)?,
    }
    Ok(())
}

/// Waits for presses and does what the role does on each.
fn answer_button(plan: Plan) -> anyhow::Result<()> {
    // Opened before the guest says that it is ready: a press in between would be lost.
    let mut button = PowerButton::open()?;
    say_ready(plan.role);
    loop {
        button.wait_for_press()?;
        println!("{MARK}power button pressed");
        match plan.role {
            Role::Clean => {
                wind_down(plan.delay);
                machine::power_off()?;
            }
            Role::Reboot => {
                wind_down(plan.delay);
                machine::reboot()?;
            }
            Role::Sleep => {
                machine::suspend_to_ram()?;
                println!("{MARK}awake");
            }
            _ => {}
        }
    }
}

fn say_ready(role: Role) {
    println!("{}", ready_line(role));
}

/// What applications and services do in a real guest: it only takes its time.
fn wind_down(delay: Duration) {
    println!("{MARK}winding down");
    thread::sleep(delay);
    rustix::fs::sync();
}
