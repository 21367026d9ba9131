//! Looking at guests while their shutdown lasts: what is seen, what is left alone, and what does not hold
//! the recorder up.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::fs::{FileType, Mode as FileMode, OFlags};
use rustix::process::Signal;
use softoff_guest::{Agent, Plan, Role};
use softoff_journal::process::Stat;
use softoff_journal::record::{AgentAnswer, AgentExchange, AgentQuestion, ProcessId, Screen, Sign};
use softoff_journal::{Event, Reader};
use softoff_lab::guest::Mode;
use softoff_lab::{DomainSpec, Guest, Lab, Machine, Recorder, wait};

use crate::stage;

/// Time for a look on a busy machine, or for one that is in vain to be given up.
const PATIENCE: Duration = Duration::from_mins(2);

fn lab() -> Lab {
    Lab::start().unwrap_or_else(|error| panic!("{error:#}"))
}

/// A guest of this role with an agent of this kind, ready to be asked.
fn boot(lab: &Lab, name: &str, role: Role, agent: Agent) -> Guest {
    boot_plan(lab, name, Plan { agent, ..Plan::new(role) })
}

fn boot_plan(lab: &Lab, name: &str, plan: Plan) -> Guest {
    let mut spec = DomainSpec::new(name, Machine::Q35, plan);
    spec.agent_channel = true;
    let guest = lab.boot(&spec).unwrap();
    guest.wait_until_ready().unwrap();
    if plan.agent != Agent::Absent {
        guest.wait_until_agent_is_connected().unwrap();
    }
    guest
}

/// A recorder that looks soon.
fn recorder(lab: &Lab, also: &[(&str, &str)]) -> Recorder {
    let mut softoff = lab.softoff_inside();
    softoff.envs([("SOFTOFF_LOOK_AFTER", "2s"), ("SOFTOFF_LOOK_EVERY", "3s")]).envs(also.iter().copied());
    Recorder::start(softoff).unwrap()
}

fn process(guest: &Guest) -> ProcessId {
    let pid = guest.pid().unwrap().as_raw_nonzero().get().unsigned_abs();
    let line = fs::read(format!("/proc/{pid}/stat")).unwrap();
    ProcessId { pid, start_ticks: Stat::parse(&line).unwrap().start_ticks }
}

fn events(lab: &Lab) -> Vec<Event> {
    let reader = Reader::open(&lab.layout().journal()).unwrap();
    reader.flatten().map(|entry| entry.record.event).collect()
}

fn screens(lab: &Lab) -> Vec<Screen> {
    let screen = |event| if let Event::Screen(screen) = event { Some(screen) } else { None };
    events(lab).into_iter().filter_map(screen).collect()
}

fn answers(lab: &Lab) -> Vec<AgentExchange> {
    let agent = |event| if let Event::Agent(agent) = event { Some(agent) } else { None };
    events(lab).into_iter().filter_map(agent).collect()
}

/// The looks at screens, once there are so many.
fn await_screens(lab: &Lab, count: usize) -> Vec<Screen> {
    wait::until("looks at the screen", PATIENCE, || Ok(screens(lab).len() >= count)).unwrap();
    screens(lab)
}

/// The looks that gave a picture, once there are so many: on a busy machine one may come to nothing.
fn await_pictures(lab: &Lab, count: usize) -> Vec<Screen> {
    let seen =
        || -> Vec<Screen> { screens(lab).into_iter().filter(|screen| screen.picture.is_some()).collect() };
    wait::until("pictures of the screen", PATIENCE, || Ok(seen().len() >= count)).unwrap();
    seen()
}

fn await_answers(lab: &Lab, count: usize) -> Vec<AgentExchange> {
    wait::until("answers of the agent", PATIENCE, || Ok(answers(lab).len() >= count)).unwrap();
    answers(lab)
}

/// One look by hand.
fn look(lab: &Lab, guest: &Guest) -> Command {
    let ProcessId { pid, start_ticks } = process(guest);
    let mut witness = lab.command(&lab.programs().witness);
    witness.arg("--journal").arg(lab.layout().journal()).args(["--uuid", &guest.spec().uuid.to_string()]);
    witness.args(["--pid", &pid.to_string(), "--start-ticks", &start_ticks.to_string()]);
    witness
}

/// What the last of these looks found to be in the way.
fn trouble_of_a_look(lab: &Lab, guest: &Guest) -> String {
    let status = look(lab, guest).status().unwrap();
    assert_eq!(status.code(), Some(1), "it could not look");
    let screen = screens(lab).pop().unwrap();
    assert_eq!(screen.picture, None, "{screen:?}");
    screen.trouble.join("; ")
}

#[test]
fn a_guest_that_waits_for_somebody_is_looked_at_and_its_agent_asked_once() {
    if !stage::is_possible() {
        return;
    }
    let lab = lab();
    let recorder = recorder(&lab, &[]);
    let guest = boot(&lab, "waits", Role::ShutdownTracker, Agent::Real);
    guest.shutdown_by(Mode::Acpi).unwrap();
    let screens = await_pictures(&lab, 3);
    guest.destroy().unwrap();
    recorder.stop().unwrap();

    let picture = screens[0].picture.as_ref().unwrap_or_else(|| panic!("{:?}", screens[0]));
    assert!(!picture.black && picture.changed.is_none(), "{picture:?}");
    let png = fs::read(lab.layout().journal().join(&picture.file)).unwrap();
    assert!(png.starts_with(b"\x89PNG"), "it is kept");
    let text = screens[0].text.as_deref().unwrap_or_else(|| panic!("{:?}", screens[0]));
    assert!(text.contains("Shutdown Event Tracker") && text.contains("Choose a reason"), "{text}");
    let second = screens[1].picture.as_ref().unwrap();
    assert_eq!((second.changed, &second.file), (Some(false), &picture.file), "nothing has changed");

    let answers: Vec<_> = answers(&lab).into_iter().map(|agent| (agent.question, agent.answer)).collect();
    let [(AgentQuestion::Ping, AgentAnswer::Alive), (AgentQuestion::Os, os)] = &answers[..] else {
        panic!("{answers:?}")
    };
    // The guest's system is a kernel and one program: it has no name, and the agent may say so or fail.
    assert!(matches!(os, AgentAnswer::Os(_) | AgentAnswer::Failed(_)), "{os:?}");
}

#[test]
fn a_dark_screen_is_black_and_an_agent_that_hangs_is_silent() {
    if !stage::is_possible() {
        return;
    }
    let lab = lab();
    let recorder = recorder(&lab, &[]);
    let guest = boot(&lab, "hangs", Role::DisplayAsleep, Agent::Silent);
    assert!(look(&lab, &guest).arg("--no-agent").status().unwrap().success());
    // The press lights the screen.
    guest.shutdown_by(Mode::Acpi).unwrap();
    let answers = await_answers(&lab, 1);
    let screens = await_pictures(&lab, 2);
    guest.destroy().unwrap();
    recorder.stop().unwrap();
    let pictures: Vec<_> = screens.iter().map(|screen| screen.picture.clone().unwrap()).collect();
    assert_eq!((pictures[0].black, screens[0].text.as_deref()), (true, Some("")));
    assert_eq!((pictures[1].black, pictures[1].changed), (false, Some(true)), "{screens:?}");
    assert_eq!((answers[0].question, &answers[0].answer), (AgentQuestion::Ping, &AgentAnswer::Silent));
}

#[test]
fn while_libvirt_waits_for_the_agent_itself_the_screen_is_seen_all_the_same() {
    if !stage::is_possible() {
        return;
    }
    let lab = lab();
    let recorder = recorder(&lab, &[]);
    let guest = boot_plan(
        &lab,
        "asked by agent",
        Plan { agent: Agent::Real, delay: PATIENCE, ..Plan::new(Role::ServiceHold) },
    );
    // libvirt waits for a minute for the guest to end, and has the agent for itself meanwhile.
    let mut virsh = lab.command("virsh");
    virsh.args(["shutdown", "--mode", "agent", &guest.spec().name]);
    let mut virsh = virsh.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let screens = await_pictures(&lab, 1);
    let answers = await_answers(&lab, 1);
    guest.destroy().unwrap();
    virsh.wait().unwrap();
    recorder.stop().unwrap();
    assert!(!screens.is_empty());
    assert!(matches!(answers[0].answer, AgentAnswer::Failed(_)), "{answers:?}");
}

#[test]
fn a_libvirt_that_hangs_does_not_hold_the_recorder_up() {
    if !stage::is_possible() {
        return;
    }
    let lab = lab();
    let recorder = recorder(&lab, &[]);
    let guest = boot(&lab, "libvirt hangs", Role::Ignore, Agent::Absent);
    let pid = process(&guest).pid;
    guest.shutdown().unwrap();
    lab.signal_libvirtd(Signal::STOP).unwrap();
    // The look has begun, and waits, when the guest's end is recorded all the same.
    wait::until("a look", PATIENCE, || Ok(is_looked_at(pid))).unwrap();
    guest.kill(Signal::KILL).unwrap();
    wait::until("the exit in the journal", PATIENCE, || Ok(has_exited(&lab, pid))).unwrap();
    assert_eq!(screens(&lab), [], "the look still lasts");
    let screens = await_screens(&lab, 1);
    lab.signal_libvirtd(Signal::CONT).unwrap();
    recorder.stop().unwrap();
    assert!(screens[0].trouble.join("; ").contains("did not end in time"), "{screens:?}");
}

fn has_exited(lab: &Lab, pid: u32) -> bool {
    events(lab).iter().any(|event| {
        matches!(event, Event::Probe(hit) if hit.process.pid == pid && matches!(hit.sign, Sign::Exit { .. }))
    })
}

/// Whether a look at this process is under way.
fn is_looked_at(pid: u32) -> bool {
    let command_line = |entry: fs::DirEntry| fs::read(entry.path().join("cmdline")).ok();
    let pid = format!("\0--pid\0{pid}\0").into_bytes();
    let looks = |line: Vec<u8>| line.windows(pid.len()).any(|part| part == pid);
    fs::read_dir("/proc").unwrap().flatten().filter_map(command_line).any(looks)
}

#[test]
fn where_it_is_never_to_look_nothing_is_written() {
    if !stage::is_possible() {
        return;
    }
    let lab = lab();
    let recorder = recorder(&lab, &[("SOFTOFF_NEVER_LOOK", "1"), ("SOFTOFF_LOOK_AFTER", "0s")]);
    let guest = boot(&lab, "never", Role::Ignore, Agent::Real);
    guest.shutdown_by(Mode::Acpi).unwrap();
    // Looks would have been taken by then.
    thread::sleep(Duration::from_secs(8));
    guest.destroy().unwrap();
    recorder.stop().unwrap();
    assert_eq!((screens(&lab), answers(&lab)), (Vec::new(), Vec::new()));
    assert!(!lab.layout().journal().join("screens").exists());
}

#[test]
fn a_domain_that_cannot_answer_is_left_alone() {
    if !stage::is_possible() {
        return;
    }
    let lab = lab();
    let guest = boot(&lab, "left alone", Role::Ignore, Agent::Real);
    guest.suspend().unwrap();
    assert_eq!(trouble_of_a_look(&lab, &guest), "the domain is paused");
    guest.domain().resume().unwrap();

    guest.kill(Signal::STOP).unwrap();
    wait::until("QEMU to stop", PATIENCE, || Ok(is_stopped(&guest))).unwrap();
    assert_eq!(trouble_of_a_look(&lab, &guest), "QEMU is stopped by a signal or a debugger");
    guest.kill(Signal::CONT).unwrap();

    let (mut virsh, _reader) = dump(&lab, &guest);
    let trouble = trouble_of_a_look(&lab, &guest);
    assert!(trouble.starts_with("libvirt has a job on the domain"), "{trouble}");
    virsh.kill().unwrap();
    virsh.wait().unwrap();
    assert_eq!(answers(&lab), [], "the agent was not asked either");
    guest.destroy().unwrap();
}

fn is_stopped(guest: &Guest) -> bool {
    let line = fs::read(format!("/proc/{}/stat", process(guest).pid)).unwrap();
    Stat::parse(&line).is_some_and(|stat| stat.state == b'T')
}

/// A dump of the guest's memory into a pipe that nobody reads: a job that does not end.
fn dump(lab: &Lab, guest: &Guest) -> (std::process::Child, File) {
    let pipe = lab.layout().root().join("dump");
    make_pipe(&pipe);
    let mut options = File::options();
    let reader = options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(&pipe).unwrap();
    let mut virsh = lab.command("virsh");
    virsh.args(["dump", "--live", &guest.spec().name]).arg(&pipe);
    let virsh = virsh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    guest.wait_until_busy().unwrap();
    (virsh, reader)
}

fn make_pipe(pipe: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, pipe, FileType::Fifo, FileMode::from_raw_mode(0o600), 0).unwrap();
}

#[test]
fn a_later_run_of_the_domain_is_not_taken_for_this_one() {
    if !stage::is_possible() {
        return;
    }
    let lab = lab();
    let guest = boot(&lab, "later run", Role::Clean, Agent::Absent);
    let mut earlier = look(&lab, &guest);
    guest.destroy().unwrap();
    guest.wait_until_off().unwrap();
    guest.domain().create().unwrap();
    assert_eq!(earlier.status().unwrap().code(), Some(1));
    let trouble = screens(&lab).pop().unwrap().trouble.join("; ");
    assert!(trouble.ends_with("has ended"), "{trouble}");
    guest.destroy().unwrap();
}
