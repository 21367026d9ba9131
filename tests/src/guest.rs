//! A guest under the lab's libvirt: what an operator does to it, and what it tells on its console.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use softoff_guest::{MARK, ready_line};
use virt::connect::Connect;
use virt::domain::{Domain, DomainState};
use virt::enumutil::Enum;
use virt::error::Error;
use virt::sys::{VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN, VIR_DOMAIN_SHUTDOWN_GUEST_AGENT};

use crate::boot_sector::BootSector;
use crate::daemons::read_pid;
use crate::spec::DomainSpec;
use crate::wait;

/// Time for a guest to boot under TCG on a busy machine; it takes 3 s on an idle one.
const BOOT_LIMIT: Duration = Duration::from_mins(2);

/// Time for QEMU to end and libvirt to release the domain: libvirt itself gives up after 40 s.
const OFF_LIMIT: Duration = Duration::from_mins(1);

/// The way a shutdown is to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The ACPI power button.
    Acpi,
    /// The guest agent.
    Agent,
}

/// Where libvirt keeps memory that is in files.
const MEMORY_DIR: &str = "/var/lib/libvirt/qemu/ram/";

/// A guest.
#[derive(Debug)]
pub struct Guest {
    spec: DomainSpec,
    domain: Domain,
    console: PathBuf,
    pid_file: PathBuf,
}

impl Guest {
    pub(crate) fn new(spec: DomainSpec, domain: Domain, console: PathBuf, pid_file: PathBuf) -> Self {
        Self { spec, domain, console, pid_file }
    }

    /// The guest's description.
    pub fn spec(&self) -> &DomainSpec {
        &self.spec
    }

    /// libvirt's handle, for what is not wrapped here.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Takes hold of the domain again after libvirtd was restarted.
    pub fn reattach(&mut self, connection: &Connect) -> anyhow::Result<()> {
        self.domain = connection
            .lookup_domain_by_uuid(self.spec.uuid)
            .with_context(|| format!("libvirt does not know {:?} any more", self.spec.name))?;
        Ok(())
    }

    /// Waits until the guest has booted.
    pub fn wait_until_ready(&self) -> anyhow::Result<()> {
        self.wait_until_ready_again(1)
    }

    /// Waits until the guest has booted for the `times`-th time.
    pub fn wait_until_ready_again(&self, times: usize) -> anyhow::Result<()> {
        let line = self.spec.plan().map_or_else(BootSector::ready_line, |plan| ready_line(plan.role));
        self.wait_for_line(&line, times)
    }

    /// Waits until the guest has printed what it marks as its own.
    pub fn wait_until_it_says(&self, what: &str) -> anyhow::Result<()> {
        self.wait_for_line(&format!("{MARK}{what}"), 1)
    }

    /// Waits until the guest has seen the button.
    pub fn wait_until_pressed(&self) -> anyhow::Result<()> {
        self.wait_until_it_says("power button pressed")
    }

    fn wait_for_line(&self, line: &str, times: usize) -> anyhow::Result<()> {
        let failure = format!("{MARK}failed");
        let what = format!("{:?} printing {line:?} {times} time(s)", self.spec.name);
        wait::until(&what, BOOT_LIMIT, || {
            let console = self.console()?;
            let failed = console.lines().find(|line| line.starts_with(&failure));
            anyhow::ensure!(failed.is_none(), "{:?} says: {}", self.spec.name, failed.unwrap_or_default());
            Ok(console.lines().filter(|found| *found == line).count() >= times)
        })
    }

    /// What the guest has printed.
    pub fn console(&self) -> anyhow::Result<String> {
        match fs::read(&self.console) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", self.console.display())),
        }
    }

    /// `virsh shutdown`: presses the power button.
    pub fn shutdown(&self) -> anyhow::Result<()> {
        self.domain.shutdown().with_context(|| format!("cannot shut down {:?}", self.spec.name)).map(drop)
    }

    /// `virsh shutdown --mode …`.
    pub fn shutdown_by(&self, mode: Mode) -> anyhow::Result<()> {
        let flag = match mode {
            Mode::Acpi => VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN,
            Mode::Agent => VIR_DOMAIN_SHUTDOWN_GUEST_AGENT,
        };
        match self.domain.shutdown_flags(flag) {
            Err(error) if is_gone_before_the_answer(&error) => Ok(()),
            answer => answer.with_context(|| format!("cannot shut down {:?} by {mode:?}", self.spec.name)),
        }
    }

    /// `virsh reset`: presses the reset button.
    pub fn reset(&self) -> anyhow::Result<()> {
        self.domain.reset().with_context(|| format!("cannot reset {:?}", self.spec.name))
    }

    /// `virsh suspend`: pauses the vCPUs.
    pub fn suspend(&self) -> anyhow::Result<()> {
        self.domain.suspend().with_context(|| format!("cannot suspend {:?}", self.spec.name))
    }

    /// `virsh managedsave`: saves the guest's state to disk and ends it.
    pub fn save(&self) -> anyhow::Result<()> {
        self.domain.managed_save(0).with_context(|| format!("cannot save {:?}", self.spec.name))
    }

    /// `virsh reboot`.
    pub fn reboot(&self) -> anyhow::Result<()> {
        self.domain.reboot(0).with_context(|| format!("cannot reboot {:?}", self.spec.name))
    }

    /// `virsh destroy`: cuts the power.
    pub fn destroy(&self) -> anyhow::Result<()> {
        self.domain.destroy().with_context(|| format!("cannot destroy {:?}", self.spec.name)).map(drop)
    }

    /// `virsh dompmwakeup`: wakes the guest from S3.
    pub fn wake(&self) -> anyhow::Result<()> {
        self.domain.pm_wakeup(0).with_context(|| format!("cannot wake {:?}", self.spec.name)).map(drop)
    }

    /// Waits until the guest is in S3.
    pub fn wait_until_asleep(&self) -> anyhow::Result<()> {
        let what = format!("{:?} going to sleep", self.spec.name);
        wait::until(&what, BOOT_LIMIT, || {
            let state = self
                .domain
                .state()
                .with_context(|| format!("cannot ask for the state of {:?}", self.spec.name));
            Ok(state?.0 == Enum::Known(DomainState::PMSuspended))
        })
    }

    /// Waits until libvirt is connected with the guest's agent, or with what has opened its port.
    pub fn wait_until_agent_is_connected(&self) -> anyhow::Result<()> {
        let what = format!("the agent of {:?}", self.spec.name);
        wait::until(&what, BOOT_LIMIT, || {
            let xml = self
                .domain
                .xml_desc(0)
                .with_context(|| format!("cannot ask for the XML of {:?}", self.spec.name))?;
            Ok(xml.contains("state='connected'"))
        })
    }

    /// Waits until a job of libvirt runs on the domain.
    pub fn wait_until_busy(&self) -> anyhow::Result<()> {
        let what = format!("a job on {:?}", self.spec.name);
        wait::until(&what, BOOT_LIMIT, || {
            let job = self.domain.job_info();
            let job = job.with_context(|| format!("cannot ask for the job of {:?}", self.spec.name))?;
            Ok(job.r#type != 0)
        })
    }

    /// QEMU's process id.
    pub fn pid(&self) -> anyhow::Result<Pid> {
        read_pid(&self.pid_file)
    }

    /// Sends QEMU a signal, as somebody other than libvirt.
    pub fn kill(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(self.pid()?, signal).with_context(|| format!("cannot signal {:?}", self.spec.name))
    }

    /// Takes away the memory under QEMU's feet, so that it dies of SIGBUS: a crash with nobody
    /// behind it.
    pub fn crash_qemu(&self) -> anyhow::Result<()> {
        let file = self.memory_file()?;
        let truncated = File::options().write(true).open(&file).and_then(|file| file.set_len(0));
        truncated.with_context(|| format!("cannot truncate {}", file.display()))
    }

    /// The file that holds the guest's memory, as QEMU has it mapped.
    fn memory_file(&self) -> anyhow::Result<PathBuf> {
        let pid = self.pid()?.as_raw_nonzero();
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).context("cannot read QEMU's maps")?;
        let memory = maps.lines().find_map(|line| line.find(MEMORY_DIR).map(|at| &line[at..]));
        let memory = memory.with_context(|| format!("{:?} has its memory in no file", self.spec.name))?;
        Ok(PathBuf::from(format!("/proc/{pid}/root{memory}")))
    }

    /// Waits until libvirt has released the domain: its last hook has run then.
    pub fn wait_until_off(&self) -> anyhow::Result<()> {
        let what = format!("the end of {:?}", self.spec.name);
        wait::until(&what, OFF_LIMIT, || Ok(!self.is_running()?))
    }

    /// Whether libvirt takes the domain for active.
    pub fn is_running(&self) -> anyhow::Result<bool> {
        self.domain.is_active().with_context(|| format!("cannot ask for the state of {:?}", self.spec.name))
    }
}

/// An agent does not answer a request to shut down. Where libvirt reads the end of its port before it reads
/// QEMU's SHUTDOWN, it takes the request for failed, though the guest powered off on it.
fn is_gone_before_the_answer(error: &Error) -> bool {
    error.message().contains("End of file from agent socket")
}
