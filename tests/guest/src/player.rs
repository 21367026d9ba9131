//! Plays a role: what the guest does unasked, and what when it is asked to shut down.

use std::path::Path;
use std::time::Duration;

use softoff_guest::{Ending, Load, MARK, Plan, Role, SLIDES, ready_line};

use crate::agent::GuestAgent;
use crate::devices::BUTTON;
use crate::disk::Disk;
use crate::requests::{Request, Requests};
use crate::screen::Screen;
use crate::work::{ENDING_SERVICES, SETTING_UP, UPDATING, WAITING};
use crate::{frame, hibernation, machine};

/// What a guest still does before or after the part that takes its time.
const SHORTLY: Duration = Duration::from_secs(1);

/// A guest that is up.
pub struct Player {
    plan: Plan,
    disk: Option<Disk>,
    agent: GuestAgent,
    requests: Requests,
    /// How often the button was pressed.
    presses: u32,
}

impl Player {
    /// A guest with what it has.
    pub fn new(plan: Plan, disk: Option<Disk>, agent: GuestAgent, requests: Requests) -> Self {
        Self { plan, disk, agent, requests, presses: 0 }
    }

    /// Comes up as the role does, then answers requests. Ends with the guest, or when it fails.
    pub fn play(&mut self) -> anyhow::Result<()> {
        match self.plan.role {
            Role::NotListening => self.await_log_on(),
            Role::LateButton => self.set_up_then_arm(),
            Role::FirstBoot | Role::Resets => self.set_up(),
            Role::PowerOff => self.arm_and_await_log_on().and_then(|()| self.shut_down()),
            Role::Asleep => self.fall_asleep(),
            Role::DisplayAsleep | Role::Dark => self.arm().and_then(|()| self.say_ready(Screen::Blank)),
            _ => self.arm_and_await_log_on(),
        }?;
        loop {
            match self.requests.next()? {
                Request::Press => self.answer_button()?,
                Request::Agent(ending) => self.answer_agent(ending)?,
            }
        }
    }

    fn arm(&self) -> anyhow::Result<()> {
        machine::load_modules(&BUTTON)?;
        self.requests.arm_button()
    }

    fn say_ready(&self, screen: Screen) -> anyhow::Result<()> {
        screen.show()?;
        println!("{}", ready_line(self.plan.role));
        Ok(())
    }

    fn await_log_on(&self) -> anyhow::Result<()> {
        self.say_ready(Screen::LogOn)
    }

    fn arm_and_await_log_on(&self) -> anyhow::Result<()> {
        // Armed before the guest says that it is ready: a press in between would be lost.
        self.arm()?;
        self.await_log_on()
    }

    fn set_up_then_arm(&mut self) -> anyhow::Result<()> {
        self.say_ready(Screen::GettingReady)?;
        SETTING_UP.keep(&mut self.disk, self.plan.delay, |_| Ok(()))?;
        self.arm()?;
        Screen::LogOn.show()?;
        println!("{MARK}armed");
        Ok(())
    }

    /// A first boot that nobody gets an answer from.
    fn set_up(&mut self) -> anyhow::Result<()> {
        self.arm()?;
        self.say_ready(Screen::GettingReady)?;
        let restarts = self.plan.role == Role::Resets;
        let time = if restarts { self.plan.delay } else { Duration::MAX };
        SETTING_UP.keep(&mut self.disk, time, |_| Ok(()))?;
        self.end(Ending::Reset)
    }

    fn fall_asleep(&mut self) -> anyhow::Result<()> {
        self.arm_and_await_log_on()?;
        suspend()
    }

    fn answer_button(&mut self) -> anyhow::Result<()> {
        self.presses += 1;
        match self.plan.role {
            Role::Reboot => self.wind_down(self.plan.delay).and_then(|()| self.end(Ending::Reset)),
            Role::Sleep => suspend(),
            Role::Hibernate => self.hibernate(),
            Role::Update => self.update(),
            Role::ShutdownTracker => Screen::ShutdownTracker.show(),
            Role::AppBlocked => self.wait_for_apps(),
            Role::ServiceHold => self.wait_for_service(),
            Role::SlowServices => self.wait_for_services(),
            Role::DisplayAsleep if self.presses == 1 => Screen::LogOn.show(),
            Role::Clean | Role::PowerOff | Role::LateButton | Role::Asleep | Role::DisplayAsleep => {
                self.shut_down()
            }
            Role::Panic => machine::panic(),
            Role::Slides => frame::show(&Path::new("/").join(SLIDES).join(self.presses.to_string())),
            Role::Liar => self.lie(),
            Role::Ignore
            | Role::NotListening
            | Role::LogonRequired
            | Role::FirstBoot
            | Role::Resets
            | Role::Dark => Ok(()),
        }
    }

    /// The agent forces the shutdown: nothing can refuse it, but what takes its time still does.
    fn answer_agent(&mut self, ending: Ending) -> anyhow::Result<()> {
        match self.plan.role {
            Role::Update => self.update(),
            Role::ServiceHold => self.wait_for_service(),
            Role::SlowServices => self.wait_for_services(),
            _ => self.wind_down(self.plan.delay).and_then(|()| self.end(ending)),
        }
    }

    fn shut_down(&mut self) -> anyhow::Result<()> {
        self.wind_down(self.wind_down_time())?;
        self.end(Ending::PowerOff)
    }

    /// The delay is the wind-down's, unless the role has another use for it.
    fn wind_down_time(&self) -> Duration {
        if self.plan.role == Role::LateButton { SHORTLY } else { self.plan.delay }
    }

    /// Applications end, then services, the agent among them.
    fn wind_down(&mut self, time: Duration) -> anyhow::Result<()> {
        println!("{MARK}winding down");
        Screen::ShuttingDown.show()?;
        ENDING_SERVICES.keep(&mut self.disk, time / 2, |_| Ok(()))?;
        self.agent.end()?;
        Screen::StoppingServices.show()?;
        ENDING_SERVICES.keep(&mut self.disk, time / 2, |_| Ok(()))
    }

    /// The last of a shutdown whose long part is over.
    fn finish(&mut self, ending: Ending) -> anyhow::Result<()> {
        self.agent.end()?;
        Screen::ShuttingDown.show()?;
        ENDING_SERVICES.keep(&mut self.disk, SHORTLY, |_| Ok(()))?;
        self.end(ending)
    }

    fn update(&mut self) -> anyhow::Result<()> {
        let mut shown = None;
        UPDATING.keep(&mut self.disk, self.plan.delay, |part| {
            let percent = percent(part);
            if shown.replace(percent) == Some(percent) { Ok(()) } else { Screen::Updating(percent).show() }
        })?;
        self.finish(self.plan.end)
    }

    fn lie(&mut self) -> anyhow::Result<()> {
        Screen::Updating(35).show()?;
        ENDING_SERVICES.keep(&mut self.disk, self.plan.delay, |_| Ok(()))?;
        self.end(Ending::PowerOff)
    }

    /// An application with a window may refuse for as long as it likes.
    fn wait_for_apps(&mut self) -> anyhow::Result<()> {
        if self.presses == 1 {
            Screen::ShuttingDown.show()?;
            ENDING_SERVICES.keep(&mut self.disk, SHORTLY, |_| Ok(()))?;
        }
        Screen::AppsBlock.show()
    }

    /// A service that wants to know before the others end holds them up.
    fn wait_for_service(&mut self) -> anyhow::Result<()> {
        Screen::ShuttingDown.show()?;
        ENDING_SERVICES.keep(&mut self.disk, SHORTLY, |_| Ok(()))?;
        Screen::WaitingForService.show()?;
        std::thread::sleep(self.plan.delay);
        self.finish(Ending::PowerOff)
    }

    fn wait_for_services(&mut self) -> anyhow::Result<()> {
        Screen::ShuttingDown.show()?;
        ENDING_SERVICES.keep(&mut self.disk, SHORTLY, |_| Ok(()))?;
        self.agent.end()?;
        Screen::StoppingServices.show()?;
        WAITING.keep(&mut self.disk, self.plan.delay, |_| Ok(()))?;
        self.end(Ending::PowerOff)
    }

    /// Writes as a memory image is written, with everything still running.
    fn hibernate(&mut self) -> anyhow::Result<()> {
        UPDATING.keep(&mut self.disk, self.plan.delay, |_| Ok(()))?;
        self.sync()?;
        println!("{MARK}hibernating");
        hibernation::enter()
    }

    fn end(&mut self, ending: Ending) -> anyhow::Result<()> {
        self.sync()?;
        match ending {
            Ending::PowerOff if self.plan.load == Load::Unflushed => self.power_off_unflushed(),
            Ending::PowerOff => power_off(),
            Ending::Reset => {
                println!("{MARK}restarting");
                machine::reboot()
            }
        }
    }

    /// Leaves the last flush to QEMU, and those who watch a moment to do something about it.
    fn power_off_unflushed(&mut self) -> anyhow::Result<()> {
        self.disk.as_mut().map_or(Ok(()), |disk| disk.write(4 << 10))?;
        println!("{MARK}all but off");
        std::thread::sleep(SHORTLY);
        power_off()
    }

    fn sync(&mut self) -> anyhow::Result<()> {
        rustix::fs::sync();
        self.disk.as_mut().map_or(Ok(()), Disk::flush)
    }
}

fn power_off() -> anyhow::Result<()> {
    println!("{MARK}powering off");
    machine::power_off()
}

/// ACPI S3; returns when the machine is awake again.
fn suspend() -> anyhow::Result<()> {
    machine::suspend_to_ram()?;
    println!("{MARK}awake");
    Ok(())
}

/// A part from 0 to 1 in whole percent.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a percentage")]
fn percent(part: f64) -> u8 {
    (part.clamp(0.0, 1.0) * 100.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_told_in_whole_percent() {
        assert_eq!([0.0, 0.5, 0.999, 1.0, 7.0, -1.0, f64::NAN].map(percent), [0, 50, 99, 100, 100, 0, 0]);
    }
}
