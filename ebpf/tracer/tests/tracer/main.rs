//! The tracer against real QEMU processes: what it records of a press, of each way to end, of a
//! QEMU without symbols, of a guest that floods it, of what libvirt is asked for.
//!
//! These need root, BPF and `qemu-system-x86_64`. Where something is missing they say so and pass,
//! unless `SOFTOFF_REQUIRE_ALL=1`.

mod boot_sector;
mod cgroup;
mod forensics;
mod libvirt;
mod qemu;
mod recording;

use std::time::Duration;

use rustix::process::Signal;
use softoff_journal::Event;
use softoff_journal::record::{AgentChannel, Coverage, LibvirtCall, LossStage, Sign};

use crate::boot_sector::{FLOOD, IDLE, POWER_OFF_WHEN_PRESSED};
use crate::cgroup::Cgroup;
use crate::libvirt::Virsh;
use crate::qemu::{Qemu, Setup};
use crate::recording::Recording;

/// Ends the test where it cannot run, or fails it where nothing may be skipped.
macro_rules! needs {
    ($($requirement:expr),*) => {
        $(
            if let Err(why) = $requirement {
                let required = std::env::var_os("SOFTOFF_REQUIRE_ALL").is_some_and(|value| value == "1");
                assert!(!required, "{why}, and nothing may be skipped");
                eprintln!("skipped: {why}");
                return;
            }
        )*
    };
}
use needs;

fn exit(status: i32) -> Sign {
    Sign::Exit { status: Some(status), signal: None }
}

#[test]
fn a_press_in_firmware_is_told_to_have_found_the_button_disabled() {
    needs!(recording::is_possible());
    // One QEMU runs before the tracer, the other starts later, and the boards differ.
    let q35 = Qemu::start(&Setup { machine: "q35", ..Setup::default() });
    let recording = Recording::start();
    let pc = Qemu::start(&Setup { machine: "pc", ..Setup::default() });
    for mut qemu in [q35, pc] {
        let found = recording.qemu(qemu.pid());
        assert_eq!(found.coverage, Coverage::Symbols);
        assert_eq!(found.missing, []);
        assert_eq!(found.domain.as_deref(), Some("probe"));
        assert_eq!(found.accelerator.as_deref(), Some("tcg"));
        assert!(found.build_id.is_some());
        qemu.qmp("system_powerdown");
        recording.until(qemu.pid(), &Sign::PowerButton { enabled: Some(false) });
        qemu.qmp("quit");
        recording.until(qemu.pid(), &exit(0));
        let signs = recording.signs(qemu.pid());
        let told = [
            Sign::QmpSystemPowerdown,
            Sign::PowerdownRequest,
            Sign::Powerdown,
            Sign::PowerButton { enabled: Some(false) },
            Sign::Shutdown { guest: false, cause: "host-qmp-quit".to_owned() },
            exit(0),
        ];
        assert!(in_order(&signs, &told), "{signs:?}");
    }
}

#[test]
fn a_guest_that_takes_the_button_is_followed_to_its_power_off() {
    needs!(recording::is_possible());
    let recording = Recording::start();
    let setup = Setup { boot: Some(POWER_OFF_WHEN_PRESSED), ..Setup::default() };
    let mut qemu = Qemu::start(&setup);
    let enabled = |sign: &Sign| matches!(sign, Sign::Sci { vcpu: true, enable: Some(enable), .. } if enable & 0x100 != 0);
    recording.until_any(qemu.pid(), enabled);
    qemu.qmp("system_powerdown");
    recording.until(qemu.pid(), &Sign::Stop);
    qemu.signal(Signal::TERM);
    recording.until(qemu.pid(), &exit(0));
    let signs = of_the_button(recording.signs(qemu.pid()));
    let sci = |vcpu, status| Sign::Sci { vcpu, status: Some(status), enable: Some(0x100) };
    let told = [
        Sign::PowerButton { enabled: Some(true) },
        sci(false, 0x100),
        sci(true, 0),
        Sign::ShutdownRequest { cause: "guest-shutdown".to_owned() },
        Sign::Shutdown { guest: true, cause: "guest-shutdown".to_owned() },
        Sign::Stop,
    ];
    assert!(in_order(&signs, &told), "{signs:?}");
    assert!(signs.iter().any(|sign| matches!(sign, Sign::VmStop { duration_ns } if *duration_ns > 0)));
}

#[test]
fn a_polite_signal_is_told_with_its_sender() {
    needs!(recording::is_possible());
    let recording = Recording::start();
    let qemu = Qemu::start(&Setup::default());
    recording.qemu(qemu.pid());
    qemu.signal(Signal::TERM);
    recording.until(qemu.pid(), &exit(0));
    let signs = recording.signs(qemu.pid());
    let told = [
        Sign::Signal { signal: 15, sender: recording::own_process() },
        Sign::Killed { signal: 15, sender: std::process::id() },
        Sign::Shutdown { guest: false, cause: "host-signal".to_owned() },
        exit(0),
    ];
    assert!(in_order(&signs, &told), "{signs:?}");
}

#[test]
fn a_kill_leaves_a_signal_and_no_goodbye() {
    needs!(recording::is_possible());
    let recording = Recording::start();
    let qemu = Qemu::start(&Setup::default());
    recording.qemu(qemu.pid());
    qemu.signal(Signal::KILL);
    let killed = Sign::Exit { status: None, signal: Some(9) };
    recording.until(qemu.pid(), &killed);
    let signs = recording.signs(qemu.pid());
    assert!(in_order(&signs, &[Sign::Signal { signal: 9, sender: recording::own_process() }, killed]));
    assert!(!signs.iter().any(|sign| matches!(sign, Sign::Shutdown { .. })), "{signs:?}");
}

#[test]
fn a_qemu_that_the_kernel_kills_for_want_of_memory_is_told_from_a_kill() {
    needs!(recording::is_possible(), cgroup::is_possible());
    let recording = Recording::start();
    let mut qemu = Qemu::start(&Setup::default());
    recording.qemu(qemu.pid());
    let little = Cgroup::with_memory(64 << 20).expect("a cgroup");
    little.add(qemu.pid());
    qemu.allocate(512 << 20);
    let killed = Sign::Exit { status: None, signal: Some(9) };
    recording.until(qemu.pid(), &killed);
    let signs = recording.signs(qemu.pid());
    assert!(in_order(&signs, &[Sign::OomKill, killed]), "{signs:?}");
    qemu.wait();
}

#[test]
fn the_agents_port_is_known_and_closed_where_a_qemu_has_just_begun() {
    needs!(recording::is_possible());
    let arguments = [
        "-device",
        "virtio-serial",
        "-chardev",
        "null,id=charchannel0",
        "-device",
        r#"{"driver":"virtserialport","chardev":"charchannel0","id":"channel0","name":"org.qemu.guest_agent.0"}"#,
    ];
    let setup = Setup { arguments: &arguments, ..Setup::default() };
    let older = Qemu::start(&setup);
    let recording = Recording::start();
    let newer = Qemu::start(&setup);
    let channel = |open| Some(AgentChannel { port: "channel0".to_owned(), open });
    assert_eq!(recording.qemu(older.pid()).agent, channel(None), "no libvirt says whether it is open");
    assert_eq!(recording.qemu(newer.pid()).agent, channel(Some(false)));
}

#[test]
fn what_a_daemon_is_asked_for_is_told_of_the_qemu_that_it_is_about() {
    needs!(recording::is_possible(), libvirt::is_possible());
    let uuid = libvirt::new_uuid();
    let asked = Qemu::start(&Setup { arguments: &["-uuid", &uuid], ..Setup::default() });
    let other = Qemu::start(&Setup::default());
    let mut earlier = Virsh::named("libvirtd", &uuid);
    let recording = Recording::start();
    earlier.execute("shutdown test");
    let call = |call, flags| Sign::LibvirtCall { call, flags };
    let answer = |call, failed| Sign::LibvirtReturn { call, failed };
    recording.until(asked.pid(), &answer(LibvirtCall::Shutdown, false));
    // Now the domain is off.
    earlier.execute("shutdown test --mode agent");
    recording.until(asked.pid(), &answer(LibvirtCall::Shutdown, true));
    earlier.execute("destroy test --graceful");
    recording.until(asked.pid(), &answer(LibvirtCall::Destroy, true));
    let told = [
        call(LibvirtCall::Shutdown, 0),
        answer(LibvirtCall::Shutdown, false),
        call(LibvirtCall::Shutdown, 2),
        answer(LibvirtCall::Shutdown, true),
        call(LibvirtCall::Destroy, 1),
        answer(LibvirtCall::Destroy, true),
    ];
    assert_eq!(recording.signs(asked.pid()), told);
    assert_eq!(recording.signs(other.pid()), []);
}

#[test]
fn a_daemon_that_comes_later_is_followed_and_a_client_is_not() {
    needs!(recording::is_possible(), libvirt::is_possible());
    let recording = Recording::start();
    let uuid = libvirt::new_uuid();
    let asked = Qemu::start(&Setup { arguments: &["-uuid", &uuid], ..Setup::default() });
    recording.qemu(asked.pid());
    let mut daemon = Virsh::named("virtqemud", &uuid);
    // Its library is new to the tracer, which looks for it once a second.
    let asked_for = || {
        daemon.execute("reset test");
        std::thread::sleep(Duration::from_millis(200));
        recording.signs(asked.pid()).contains(&Sign::LibvirtCall { call: LibvirtCall::Reset, flags: 0 })
    };
    assert!(std::iter::repeat_with(asked_for).take(100).any(|seen| seen), "the daemon is not found");
    std::thread::sleep(Duration::from_secs(1));
    let seen = recording.signs(asked.pid()).len();
    let mut client = Virsh::like(&daemon, "virsh");
    client.execute("reboot test");
    client.wait();
    daemon.execute("destroy test");
    recording.until(asked.pid(), &Sign::LibvirtReturn { call: LibvirtCall::Destroy, failed: false });
    let signs = recording.signs(asked.pid());
    let call = LibvirtCall::Destroy;
    let told = [Sign::LibvirtCall { call, flags: 0 }, Sign::LibvirtReturn { call, failed: false }];
    assert_eq!(signs[seen..], told, "and nothing of the client");
}

#[test]
fn a_client_that_calls_without_end_is_cut_and_the_loss_is_told() {
    needs!(recording::is_possible(), libvirt::is_possible());
    let uuid = libvirt::new_uuid();
    let asked = Qemu::start(&Setup { arguments: &["-uuid", &uuid], ..Setup::default() });
    let mut daemon = Virsh::named("libvirtd", &uuid);
    let recording = Recording::start();
    for _ in 0..20_000 {
        daemon.execute("shutdown test");
    }
    daemon.wait();
    let calls = || recording.signs(asked.pid()).len() as u64;
    let dropped = || recording.losses(LossStage::RateLimit).iter().map(|loss| loss.count).sum::<u64>();
    let all = || calls() + dropped() == 40_000;
    assert!(recording::in_time(all), "{} told and {} counted as lost", calls(), dropped());
    assert!(dropped() > 0, "this machine is too slow to call more often than is allowed");
    assert!(recording.losses(LossStage::RateLimit).iter().all(|loss| loss.process.is_none()));
}

#[test]
fn a_running_guest_is_silent() {
    needs!(recording::is_possible());
    let recording = Recording::start();
    let qemu = Qemu::start(&Setup { boot: Some(IDLE), ..Setup::default() });
    recording.qemu(qemu.pid());
    std::thread::sleep(Duration::from_secs(3));
    let before = recording.signs(qemu.pid()).len();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(recording.signs(qemu.pid()).len(), before, "{:?}", recording.signs(qemu.pid()));
}

#[test]
fn a_flooding_guest_is_cut_the_loss_is_told_and_its_end_is_not_lost() {
    needs!(recording::is_possible());
    let recording = Recording::start();
    let qemu = Qemu::start(&Setup { boot: Some(FLOOD), ..Setup::default() });
    let is_sci = |sign: &Sign| matches!(sign, Sign::Sci { .. });
    recording.until_any(qemu.pid(), is_sci);
    std::thread::sleep(Duration::from_secs(3));
    qemu.signal(Signal::TERM);
    recording.until(qemu.pid(), &exit(0));
    let count = recording.signs(qemu.pid()).iter().filter(|sign| is_sci(sign)).count();
    assert!((200..=1400).contains(&count), "{count} records in three to six seconds");
    let dropped: u64 = recording
        .losses(LossStage::RateLimit)
        .iter()
        .filter(|loss| loss.process.is_some_and(|process| process.pid == qemu.pid()))
        .map(|loss| loss.count)
        .sum();
    assert!(dropped > 1000, "{dropped} events dropped");
    assert!(recording.losses(LossStage::RingBuffer).is_empty());
}

#[test]
fn a_qemu_without_symbols_is_watched_by_signals_and_exit() {
    needs!(recording::is_possible());
    let without = qemu::without_symbols();
    let recording = Recording::start();
    let mut qemu = Qemu::start(&Setup { program: &without, ..Setup::default() });
    let found = recording.qemu(qemu.pid());
    assert_eq!(found.coverage, Coverage::Process);
    assert_eq!(found.domain.as_deref(), Some("probe"));
    let missing = &found.missing[0];
    assert!(missing.consequence.contains("exports none of QEMU's functions"), "{missing:?}");
    qemu.qmp("system_powerdown");
    qemu.signal(Signal::TERM);
    recording.until(qemu.pid(), &exit(0));
    let signs = recording.signs(qemu.pid());
    assert_eq!(signs, [Sign::Signal { signal: 15, sender: recording::own_process() }, exit(0)]);
}

#[test]
fn under_kvm_a_qemu_without_symbols_still_shows_the_guests_answer() {
    needs!(recording::is_possible(), qemu::kvm_is_possible());
    let without = qemu::without_symbols();
    let recording = Recording::start();
    let setup = Setup {
        program: &without,
        machine: "pc",
        accelerator: "kvm",
        boot: Some(POWER_OFF_WHEN_PRESSED),
        ..Setup::default()
    };
    let mut qemu = Qemu::start(&setup);
    assert_eq!(recording.qemu(qemu.pid()).coverage, Coverage::Kvm);
    let port_io = |port, write, value| Sign::PortIo { port, write, value };
    recording.until(qemu.pid(), &port_io(0x602, true, 0x100));
    qemu.qmp("system_powerdown");
    recording.until(qemu.pid(), &port_io(0x604, true, 0x2000));
    qemu.signal(Signal::TERM);
    recording.until(qemu.pid(), &exit(0));
    let signs = of_the_button(recording.signs(qemu.pid()));
    let told = [
        port_io(0x602, true, 0x100),
        port_io(0x600, false, 0x100),
        port_io(0x600, true, 0x100),
        port_io(0x604, true, 0x2000),
    ];
    assert!(in_order(&signs, &told), "{signs:?}");
    let reads = signs.iter().filter(|sign| matches!(sign, Sign::PortIo { write: false, .. })).count();
    assert_eq!(reads, 1, "polling is no news: {signs:?}");
}

#[test]
fn a_copy_of_the_executable_deleted_while_it_runs_is_watched_too() {
    needs!(recording::is_possible());
    let program = qemu::copy();
    let mut qemu = Qemu::start(&Setup { program: &program, ..Setup::default() });
    drop(program);
    let recording = Recording::start();
    let found = recording.qemu(qemu.pid());
    assert!(found.executable.ends_with(" (deleted)"), "{}", found.executable);
    assert_eq!(found.coverage, Coverage::Symbols);
    qemu.qmp("system_powerdown");
    recording.until(qemu.pid(), &Sign::PowerButton { enabled: Some(false) });
}

#[test]
fn an_executable_that_was_let_go_is_attached_to_again_and_others_stay() {
    needs!(recording::is_possible());
    let recording = Recording::start();
    let programs: Vec<_> = (0..10).map(|_| qemu::copy()).collect();
    let start = |program| Qemu::start(&Setup { program, ..Setup::default() });
    let lasting = start(&programs[0]);
    recording.qemu(lasting.pid());
    for program in &programs[1..] {
        let qemu = start(program);
        recording.qemu(qemu.pid());
    }
    // The counts are looked at once a second.
    std::thread::sleep(Duration::from_secs(2));
    for mut qemu in [lasting, start(&programs[1])] {
        recording.qemu(qemu.pid());
        qemu.qmp("system_powerdown");
        recording.until(qemu.pid(), &Sign::PowerButton { enabled: Some(false) });
        let signs = recording.signs(qemu.pid());
        assert_eq!(signs.iter().filter(|sign| **sign == Sign::Powerdown).count(), 1);
    }
}

#[test]
fn asking_qemu_about_itself_is_no_virtual_machine() {
    needs!(recording::is_possible());
    let recording = Recording::start();
    // libvirt learns in this way what a QEMU can do.
    let mut asked = Qemu::start(&Setup { machine: "none", ..Setup::default() });
    let guest = Qemu::start(&Setup::default());
    recording.qemu(guest.pid());
    asked.qmp("quit");
    asked.wait();
    guest.signal(Signal::KILL);
    recording.until(guest.pid(), &Sign::Exit { status: None, signal: Some(9) });
    assert!(recording.qemu_if_known(asked.pid()).is_none());
    assert_eq!(recording.signs(asked.pid()), []);
}

#[test]
fn a_qemu_that_fails_at_once_disturbs_nobody_and_is_accounted_for() {
    needs!(recording::is_possible());
    let recording = Recording::start();
    let failed: Vec<u32> = (0..10).map(|_| qemu::fail_at_once()).collect();
    let mut qemu = Qemu::start(&Setup::default());
    recording.qemu(qemu.pid());
    qemu.qmp("system_powerdown");
    recording.until(qemu.pid(), &Sign::Powerdown);
    let lost = recording.losses(LossStage::Identity);
    for pid in failed {
        assert_eq!(recording.signs(pid), [exit(1)]);
        let told = lost.iter().any(|loss| loss.process.is_some_and(|process| process.pid == pid));
        assert!(told || recording.qemu_if_known(pid).is_some(), "nothing is said of process {pid}");
    }
}

#[test]
fn what_is_recorded_begins_ready_and_ends_stopped() {
    needs!(recording::is_possible());
    let recording = Recording::start();
    let qemu = Qemu::start(&Setup::default());
    recording.qemu(qemu.pid());
    let (summary, events) = recording.stop();
    let tracer: Vec<_> = events.iter().filter(|event| matches!(event, Event::Tracer(_))).collect();
    assert_eq!(tracer.len(), 2);
    assert!(matches!(events.last(), Some(Event::Tracer(_))), "nothing comes after stopped");
    // The provenance is the journal's own.
    assert_eq!(summary.written, events.len() as u64 - 1);
    assert_eq!(summary.unwritten, 0);
}

/// Of what status registers say, only what concerns the button: the timer sets bits as it likes.
fn of_the_button(mut signs: Vec<Sign>) -> Vec<Sign> {
    for sign in &mut signs {
        match sign {
            Sign::Sci { status: Some(status), .. } => *status &= 0x100,
            Sign::PortIo { write: false, value, .. } => *value &= 0x100,
            _ => {}
        }
    }
    signs
}

/// Whether all of `told` are among `signs`, in this order.
fn in_order(signs: &[Sign], told: &[Sign]) -> bool {
    let mut signs = signs.iter();
    told.iter().all(|wanted| signs.any(|sign| sign == wanted))
}
