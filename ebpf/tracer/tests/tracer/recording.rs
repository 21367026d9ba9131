//! A tracer that runs beside the test, and its journal.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use softoff_journal::record::{Activity, Loss, LossStage, QemuProcess, Sender, Sign, Window, WindowState};
use softoff_journal::{Defect, Event, Reader, Record};
use softoff_tracer::{Notice, Summary, Tracer};
use tempfile::TempDir;

use crate::qemu;

/// How long is waited for a record.
const PATIENCE: Duration = Duration::from_secs(90);

/// Why nothing can be recorded here, if so.
pub fn is_possible() -> Result<(), String> {
    let tracefs = ["/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events"];
    if !rustix::process::geteuid().is_root() {
        Err("this test needs root".to_owned())
    } else if !tracefs.iter().any(|events| Path::new(events).is_dir()) {
        Err("this test needs the kernel's tracing file system mounted".to_owned())
    } else if !Path::new(qemu::PROGRAM).exists() {
        Err(format!("this test needs {}", qemu::PROGRAM))
    } else {
        Ok(())
    }
}

/// This process as the sender of its signals.
pub fn own_process() -> Sender {
    let comm = std::fs::read_to_string("/proc/self/comm").expect("a process has a name");
    Sender { pid: std::process::id(), comm: comm.trim_end_matches('\n').to_owned() }
}

/// A running tracer.
pub struct Recording {
    dir: TempDir,
    stop: UnixStream,
    tracer: JoinHandle<Summary>,
}

impl Recording {
    /// Starts a tracer and waits until it is ready.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (stop, stopped) = UnixStream::pair().expect("a pair of sockets");
        let (ready, is_ready) = mpsc::channel();
        let journal = dir.path().to_owned();
        let tracer = std::thread::spawn(move || {
            let mut notify = |notice: Notice| {
                if matches!(notice, Notice::Ready { .. }) {
                    ready.send(()).expect("the test waits");
                }
            };
            let mut tracer = Tracer::start(&journal, "0.0.0-test", &mut notify).expect("the tracer starts");
            tracer.run(stopped.as_fd()).expect("the tracer runs")
        });
        is_ready.recv_timeout(PATIENCE).expect("the tracer becomes ready");
        Self { dir, stop, tracer }
    }

    /// Ends the tracer; what it did, and all it recorded in the order of the file.
    pub fn stop(self) -> (Summary, Vec<Event>) {
        drop(self.stop);
        let summary = self.tracer.join().expect("the tracer ends");
        let file = std::fs::read_dir(self.dir.path()).expect("a journal").next().expect("a file");
        let text = std::fs::read_to_string(file.expect("an entry").path()).expect("text");
        let event = |line| serde_json::from_str::<Record>(line).expect("a record").event;
        (summary, text.lines().map(event).collect())
    }

    fn records(&self) -> Vec<Record> {
        let read = || {
            let reader = Reader::open(self.dir.path()).expect("the journal is readable");
            reader.map(|entry| entry.map(|entry| entry.record)).collect::<Result<_, Defect>>()
        };
        // The last line may be read while it is being written.
        let mut tries = std::iter::repeat_with(read).take(100);
        tries.find_map(Result::ok).unwrap_or_else(|| read().expect("no defect"))
    }

    fn events(&self) -> Vec<Event> {
        self.records().into_iter().map(|record| record.event).collect()
    }

    /// When a sign of a process was first seen.
    pub fn time_of(&self, pid: u32, sign: &Sign) -> u64 {
        let is_it =
            |event: &Event| matches!(event, Event::Probe(hit) if hit.process.pid == pid && hit.sign == *sign);
        let found = || self.records().into_iter().find(|record| is_it(&record.event));
        wait_for(found, || format!("no {sign:?} of process {pid}")).boot_ns
    }

    /// Ends of windows of a process so far, each with its time.
    pub fn windows(&self, pid: u32) -> Vec<(u64, Window)> {
        let of_process = |record: Record| match record.event {
            Event::Window(window) if window.process.pid == pid => Some((record.boot_ns, window)),
            _ => None,
        };
        self.records().into_iter().filter_map(of_process).collect()
    }

    /// What a process was seen to do so far, each stretch with the time of its end.
    pub fn activity(&self, pid: u32) -> Vec<(u64, Activity)> {
        let of_process = |record: Record| match record.event {
            Event::Activity(activity) if activity.process.pid == pid => Some((record.boot_ns, activity)),
            _ => None,
        };
        self.records().into_iter().filter_map(of_process).collect()
    }

    /// Waits for an end of a window and gives it with its time.
    pub fn until_window(&self, pid: u32, state: WindowState) -> (u64, Window) {
        let found = || self.windows(pid).into_iter().find(|(_, window)| window.state == state);
        wait_for(found, || format!("process {pid} has no window that was {state:?}"))
    }

    /// Waits until so many seconds of a process are recorded, and gives them.
    pub fn until_activity(&self, pid: u32, seconds: u64) -> Vec<(u64, Activity)> {
        let millis = |(_, stretch): &(u64, Activity)| stretch.bins.len() as u64 * u64::from(stretch.bin_ms);
        let long = |activity: &Vec<_>| activity.iter().map(millis).sum::<u64>() >= 1000 * seconds;
        let enough = || Some(self.activity(pid)).filter(long);
        wait_for(enough, || format!("less than {seconds} s of process {pid}: {:?}", self.activity(pid)))
    }

    /// Waits for so many stretches of a kind.
    pub fn until_stretches(
        &self,
        pid: u32,
        count: usize,
        kind: impl Fn(&(u64, Activity)) -> bool,
    ) -> Vec<(u64, Activity)> {
        let found = || self.activity(pid).into_iter().filter(&kind).collect();
        let enough = || Some(found()).filter(|stretches: &Vec<_>| stretches.len() >= count);
        wait_for(enough, || format!("too few stretches of process {pid}: {:?}", self.activity(pid)))
    }

    /// What was seen of a process so far.
    pub fn signs(&self, pid: u32) -> Vec<Sign> {
        self.events()
            .into_iter()
            .filter_map(|event| match event {
                Event::Probe(hit) if hit.process.pid == pid => Some(hit.sign),
                _ => None,
            })
            .collect()
    }

    /// What was lost at a stage so far.
    pub fn losses(&self, stage: LossStage) -> Vec<Loss> {
        let at_stage = |event| match event {
            Event::Loss(loss) if loss.stage == stage => Some(loss),
            _ => None,
        };
        self.events().into_iter().filter_map(at_stage).collect()
    }

    /// The record of a QEMU, as soon as it is there.
    pub fn qemu(&self, pid: u32) -> QemuProcess {
        wait_for(|| self.qemu_if_known(pid), || format!("no record of QEMU process {pid}"))
    }

    /// The record of a QEMU, if it is there.
    pub fn qemu_if_known(&self, pid: u32) -> Option<QemuProcess> {
        self.events().into_iter().find_map(|event| match event {
            Event::Qemu(qemu) if qemu.process.pid == pid => Some(qemu),
            _ => None,
        })
    }

    /// Waits for a sign.
    pub fn until(&self, pid: u32, sign: &Sign) {
        let seen = || self.signs(pid).contains(sign).then_some(());
        wait_for(seen, || format!("no {sign:?} among {:?}", self.signs(pid)));
    }

    /// Waits for a sign of a kind.
    pub fn until_any(&self, pid: u32, kind: impl Fn(&Sign) -> bool) {
        let seen = || self.signs(pid).iter().any(&kind).then_some(());
        wait_for(seen, || format!("not the sign wanted among {:?}", self.signs(pid)));
    }
}

/// Whether something becomes true in the time that is waited for a record.
pub fn in_time(mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}

fn wait_for<T>(mut found: impl FnMut() -> Option<T>, why: impl Fn() -> String) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "{}", why());
        std::thread::sleep(Duration::from_millis(50));
    }
}
