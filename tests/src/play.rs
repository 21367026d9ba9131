//! Plays a scenario: boots its guests and carries out its acts.

use std::fs::{self, File};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use rustix::fs::{FileType, Mode as FileMode, OFlags};
use softoff_journal::record::AgentQuestion;
use softoff_journal::{Event, Reader};

use crate::boot_sector::BootSector;
use crate::cgroup::{Controller, Group};
use crate::guest::{Guest, Mode};
use crate::lab::Lab;
use crate::scenario::{Act, Cast, DiskKind, Scenario};
use crate::span::Dice;
use crate::spec::{Boot, Disk, DomainSpec, Machine};
use crate::stage::Stage;
use crate::storage::{Storage, slow_close_file};
use crate::wait;

/// Size of a guest's disk in bytes; the file is sparse.
const DISK_SIZE: u64 = 64 << 20;

/// Time for a look at a guest: others come first, and reading a picture is nobody's hurry.
const LOOK_LIMIT: Duration = Duration::from_secs(100);

/// What is left of CPU time for a QEMU that starves: a hundredth of one CPU.
const STARVATION: Duration = Duration::from_millis(1);

/// What is left of memory for a QEMU that is to run out of it, and what it is made to ask for, in bytes.
const MEMORY_LEFT: u64 = 16 << 20;
const MEMORY_NEEDED: u64 = 128 << 20;

/// A scenario that is being played. Dropped, its guests are gone before what they rest on.
pub struct Play<'a> {
    scenario: &'a Scenario,
    dice: Dice,
    /// Where it is played, and where its guests migrate to.
    stages: &'a [Stage],
    guests: Vec<Guest>,
    props: Props,
}

/// What the host of a play has been given besides libvirt.
#[derive(Default)]
struct Props {
    storage: Option<Storage>,
    group: Option<Group>,
    job: Option<Job>,
}

/// A job that holds a domain.
struct Job {
    virsh: Child,
    /// The end of the pipe that nobody reads from.
    _reader: File,
}

impl Drop for Job {
    fn drop(&mut self) {
        // Both fail when it has ended, which is all that is wanted.
        let _ = self.virsh.kill();
        let _ = self.virsh.wait();
    }
}

impl Drop for Play<'_> {
    fn drop(&mut self) {
        for guest in &self.guests {
            // Most are off by now.
            let _ = guest.destroy();
        }
    }
}

impl<'a> Play<'a> {
    /// Boots the guests and waits until the acts may begin.
    pub fn begin(
        scenario: &'a Scenario,
        machine: Machine,
        seed: u64,
        stages: &'a [Stage],
    ) -> anyhow::Result<Self> {
        let dice = Dice::of(seed, scenario.name, machine);
        let mut play = Self { scenario, dice, stages, guests: Vec::new(), props: Props::default() };
        for number in 1..=scenario.hardware.count {
            let spec = play.spec(machine, number)?;
            play.guests.push(play.lab().boot(&spec)?);
        }
        match scenario.cast {
            Cast::Role(_) | Cast::Sector(_) => play.each(Guest::wait_until_ready)?,
            Cast::Firmware(span) => thread::sleep(play.dice.roll(span)),
        }
        Ok(play)
    }

    /// Carries out all acts.
    pub fn perform(&mut self) -> anyhow::Result<()> {
        self.scenario.acts.iter().try_for_each(|act| {
            self.carry_out(*act).with_context(|| format!("{}: {act:?} failed", self.scenario.name))
        })
    }

    /// The guests.
    pub fn guests(&self) -> &[Guest] {
        &self.guests
    }

    fn lab(&self) -> &'a Lab {
        &self.stages[0].lab
    }

    fn spec(&mut self, machine: Machine, number: u32) -> anyhow::Result<DomainSpec> {
        let Scenario { name, hardware, .. } = self.scenario;
        let boot = match self.scenario.cast {
            Cast::Role(script) => Boot::Linux(script.plan(&mut self.dice)),
            Cast::Sector(sector) => Boot::Sector(self.write_sector(sector, machine)?),
            Cast::Firmware(_) => Boot::Firmware,
        };
        let name =
            if number == 1 { format!("{name}-{machine}") } else { format!("{name}-{machine}-{number}") };
        let mut spec = DomainSpec::starting(name, machine, boot);
        spec.kernel_arguments = hardware.kernel_arguments;
        spec.vcpus = hardware.vcpus;
        spec.acpi = hardware.acpi;
        spec.agent_channel = true;
        spec.panic_notifier = hardware.panic_notifier;
        spec.memory_in_file = hardware.memory_in_file;
        spec.slides = hardware.slides.to_vec();
        let image = self.create_image(&spec)?;
        if hardware.disk == DiskKind::SlowToClose {
            spec.environment = self.slow_close_environment(&image);
        }
        spec.disk = Some(self.attach(image)?);
        Ok(spec)
    }

    fn write_sector(&self, sector: BootSector, machine: Machine) -> anyhow::Result<PathBuf> {
        let image = self.lab().layout().disks().join(format!("{sector:?}-{machine}.img"));
        fs::write(&image, sector.image(machine))
            .with_context(|| format!("cannot write {}", image.display()))?;
        Ok(image)
    }

    fn create_image(&self, spec: &DomainSpec) -> anyhow::Result<PathBuf> {
        let image = self.lab().layout().disks().join(format!("{}.img", spec.uuid));
        let created = File::create(&image).and_then(|file| file.set_len(DISK_SIZE));
        created.with_context(|| format!("cannot create {}", image.display()))?;
        Ok(image)
    }

    fn attach(&mut self, image: PathBuf) -> anyhow::Result<Disk> {
        match self.scenario.hardware.disk {
            DiskKind::File | DiskKind::SlowToClose => Ok(Disk::File(image)),
            DiskKind::Nbd => {
                let socket = image.with_extension("nbd");
                self.props.storage = Some(Storage::serve(self.lab(), &image, &socket)?);
                Ok(Disk::Nbd(socket))
            }
        }
    }

    fn slow_close_environment(&self, image: &Path) -> Vec<(&'static str, String)> {
        let library = &self.lab().programs().slow_close;
        vec![
            ("LD_PRELOAD", library.to_string_lossy().into_owned()),
            ("SOFTOFF_SLOW_CLOSE", image.to_string_lossy().into_owned()),
        ]
    }

    fn carry_out(&mut self, act: Act) -> anyhow::Result<()> {
        match act {
            Act::Shutdown => self.each(Guest::shutdown),
            Act::ShutdownByAgent => self.each(|guest| guest.shutdown_by(Mode::Agent)),
            Act::ShutdownByAcpi => self.each(|guest| guest.shutdown_by(Mode::Acpi)),
            Act::ShutdownInVain => self.each(|guest| in_vain(&guest.shutdown())),
            Act::ShutdownByAgentInVain => self.each(|guest| in_vain(&guest.shutdown_by(Mode::Agent))),
            Act::ShutdownAgain => {
                // The guest may be on its way by now, and libvirt know it.
                let _ = self.each(Guest::shutdown);
                Ok(())
            }
            Act::Reboot => self.each(Guest::reboot),
            Act::Reset => self.each(Guest::reset),
            Act::Destroy => self.each(Guest::destroy),
            Act::Suspend => self.each(Guest::suspend),
            Act::Save => self.each(Guest::save),
            Act::Snapshot => self.each(|guest| self.snapshot(guest)),
            Act::Migrate => self.each(|guest| self.migrate(guest)),
            Act::Kill(signal) => self.each(|guest| guest.kill(signal)),
            Act::Crash => self.each(Guest::crash_qemu),
            Act::ExhaustMemory => self.exhaust_memory(),
            Act::Starve => self.starve(),
            Act::Feed => self.props.group.as_ref().context("nobody starves")?.unlimit_cpu(),
            Act::StallStorage => self.storage()?.stall(),
            Act::ResumeStorage => self.storage()?.resume(),
            Act::Throttle(bytes) => self.each(|guest| self.throttle(guest, bytes)),
            Act::HoldJob => self.hold_job(),
            Act::SlowHook(span) => {
                let pause = self.dice.roll(span);
                self.slow_hook(pause)
            }
            Act::SlowClose(span) => {
                let pause = self.dice.roll(span);
                self.each(|guest| slow_close(guest, pause))
            }
            Act::Wait(span) => {
                thread::sleep(self.dice.roll(span));
                Ok(())
            }
            Act::AwaitLine(line) => self.each(|guest| guest.wait_until_it_says(line)),
            Act::AwaitLook if self.stages[0].looks => self.each(|guest| self.await_look(guest)),
            Act::AwaitLook => Ok(()),
            Act::AwaitBoot(times) => self.each(|guest| guest.wait_until_ready_again(times)),
            Act::AwaitAsleep => self.each(Guest::wait_until_asleep),
            Act::AwaitAgent => self.each(Guest::wait_until_agent_is_connected),
            Act::AwaitOff => self.each(Guest::wait_until_off),
        }
    }

    fn each(&self, act: impl Fn(&Guest) -> anyhow::Result<()>) -> anyhow::Result<()> {
        self.guests.iter().try_for_each(act)
    }

    fn await_look(&self, guest: &Guest) -> anyhow::Result<()> {
        let pid = guest.pid()?.as_raw_nonzero().get().unsigned_abs();
        let journal = self.lab().layout().journal();
        let asks_settings = guest.spec().plan().is_some_and(|plan| plan.settings.is_some());
        let what = format!("a look at {:?}", guest.spec().name);
        wait::until(&what, LOOK_LIMIT, || {
            let of_witness = |path: &Path| path.to_string_lossy().ends_with(".witness.jsonl");
            let reader = Reader::open_those(&journal, of_witness).context("cannot read the lab's journal")?;
            let (mut read, mut asked) = (false, !asks_settings);
            for entry in reader.filter_map(Result::ok) {
                match entry.record.event {
                    Event::Screen(screen) => read |= screen.process.pid == pid && screen.text.is_some(),
                    Event::Agent(said) => {
                        // The last of the questions.
                        let last = said.question == AgentQuestion::RestartPending;
                        asked |= said.process.pid == pid && last;
                    }
                    _ => {}
                }
            }
            Ok(read && asked)
        })
    }

    fn storage(&self) -> anyhow::Result<&Storage> {
        self.props.storage.as_ref().context("the guest's disk is not behind a qemu-nbd")
    }

    fn starve(&mut self) -> anyhow::Result<()> {
        let group = Group::create(Controller::Cpu)?;
        group.limit_cpu(STARVATION)?;
        self.each(|guest| group.add(guest.pid()?))?;
        self.props.group = Some(group);
        Ok(())
    }

    fn exhaust_memory(&mut self) -> anyhow::Result<()> {
        let group = Group::create(Controller::Memory)?;
        group.limit_memory(MEMORY_LEFT)?;
        self.each(|guest| group.add(guest.pid()?))?;
        self.props.group = Some(group);
        // It ends before it can answer.
        let _ = self.each(|guest| self.allocate(guest));
        Ok(())
    }

    fn allocate(&self, guest: &Guest) -> anyhow::Result<()> {
        let command = format!(
            r#"{{"execute": "object-add", "arguments": {{"qom-type": "memory-backend-ram", "id": "hungry",
            "size": {MEMORY_NEEDED}, "prealloc": true}}}}"#
        );
        self.virsh(&["qemu-monitor-command", &guest.spec().name, &command])
    }

    /// A snapshot of the disk: QEMU goes on writing to a new file.
    fn snapshot(&self, guest: &Guest) -> anyhow::Result<()> {
        self.virsh(&["snapshot-create-as", "--disk-only", "--domain", &guest.spec().name])
    }

    fn throttle(&self, guest: &Guest, bytes: u64) -> anyhow::Result<()> {
        let rate = bytes.to_string();
        self.virsh(&["blkdeviotune", &guest.spec().name, "vda", "--live", "--total-bytes-sec", &rate])
    }

    /// A migration over a unix socket: the labs share no network.
    fn migrate(&self, guest: &Guest) -> anyhow::Result<()> {
        let target = self.stages.get(1).context("there is no second lab to migrate to")?;
        let uri = target.lab.layout().libvirt_uri();
        let socket = format!("unix://{}", self.lab().layout().root().join("migration").display());
        // Both labs see the disk under the same path, which libvirt cannot know.
        self.virsh(&["migrate", "--live", "--unsafe", "--migrateuri", &socket, &guest.spec().name, &uri])
    }

    fn virsh(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut virsh = self.lab().command("virsh");
        virsh.args(arguments);
        let output = virsh.output().with_context(|| format!("cannot run {virsh:?}"))?;
        anyhow::ensure!(
            output.status.success(),
            "{virsh:?} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }

    /// A dump of the guest's memory into a pipe that nobody reads: it never ends, and libvirt refuses
    /// any other job but a destroy meanwhile.
    fn hold_job(&mut self) -> anyhow::Result<()> {
        let guest = self.guests.first().context("no guest")?;
        let pipe = self.lab().layout().root().join("dump");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, FileMode::from_raw_mode(0o600), 0)
            .with_context(|| format!("cannot create {}", pipe.display()))?;
        let mut options = File::options();
        options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let reader = options.open(&pipe).with_context(|| format!("cannot open {}", pipe.display()))?;
        let mut virsh = self.lab().command("virsh");
        virsh.args(["dump", "--live", &guest.spec().name]).arg(&pipe);
        virsh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let virsh = virsh.spawn().with_context(|| format!("cannot run {virsh:?}"))?;
        guest.wait_until_busy()?;
        self.props.job = Some(Job { virsh, _reader: reader });
        Ok(())
    }

    /// Another script beside softoff's hook, and after it, which takes its time once QEMU is gone.
    fn slow_hook(&self, pause: Duration) -> anyhow::Result<()> {
        let script = format!("#!/bin/sh\nif [ \"$2\" = stopped ]; then sleep {}; fi\n", pause.as_secs_f64());
        let etc = self.lab().layout().etc();
        let (aside, place) = (etc.join("slow-hook"), etc.join("hooks/qemu.d/zz-slow"));
        let mut permissions = File::create(&aside).and_then(|file| file.metadata())?.permissions();
        permissions.set_mode(0o755);
        fs::write(&aside, script)
            .and_then(|()| fs::set_permissions(&aside, permissions))
            .and_then(|()| fs::rename(&aside, &place))
            .with_context(|| format!("cannot write {}", place.display()))
    }
}

/// Turns an error into what was wanted, and the other way round.
fn in_vain(result: &anyhow::Result<()>) -> anyhow::Result<()> {
    anyhow::ensure!(result.is_err(), "libvirt accepted what it should have refused");
    Ok(())
}

fn slow_close(guest: &Guest, pause: Duration) -> anyhow::Result<()> {
    let Some(Disk::File(image)) = &guest.spec().disk else {
        anyhow::bail!("{:?} has no disk in a file", guest.spec().name);
    };
    let file = slow_close_file(image);
    fs::write(&file, pause.as_millis().to_string())
        .with_context(|| format!("cannot write {}", file.display()))
}
