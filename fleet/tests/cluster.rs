//! `softoff fleet --cluster` on a real Ballista: a scheduler and two executors on this machine, over one store.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything here may take; a busy machine is slow.
const PATIENCE: Duration = Duration::from_mins(3);

/// A process that does not outlive its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An executor and the directory that it works in.
struct Executor {
    process: Process,
    work: PathBuf,
}

impl Executor {
    /// How many files it has written for others.
    fn written(&self) -> usize {
        files(&self.work)
    }
}

fn files(dir: &Path) -> usize {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

/// A scheduler and two executors with a processor each.
struct Cluster {
    address: String,
    executors: [Executor; 2],
    _scheduler: Process,
}

impl Cluster {
    fn start(dir: &Path) -> Self {
        let (scheduler, port) = scheduler();
        let executors = ["first", "second"].map(|name| executor(&dir.join(name), port));
        Self { address: address(port), executors, _scheduler: scheduler }
    }
}

/// A scheduler, and the port where it listens.
fn scheduler() -> (Process, u16) {
    let port = free_port();
    let mut scheduler = ballista("scheduler");
    scheduler.args(["--bind-host", "127.0.0.1", "--external-host", "127.0.0.1"]);
    scheduler.args(["--bind-port", &port.to_string()]);
    // An executor that is gone is to be noticed within the test.
    scheduler.args(["--executor-timeout-seconds", "6", "--expire-dead-executor-interval-seconds", "1"]);
    let scheduler = Process(scheduler.spawn().expect("the scheduler starts"));
    until("the scheduler listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    (scheduler, port)
}

fn address(port: u16) -> String {
    format!("df://127.0.0.1:{port}")
}

fn executor(work: &Path, scheduler: u16) -> Executor {
    fs::create_dir(work).expect("a directory");
    let mut executor = ballista("executor");
    executor.args(["--scheduler-host", "127.0.0.1", "--scheduler-port", &scheduler.to_string()]);
    executor.args(["--bind-host", "127.0.0.1", "--external-host", "127.0.0.1", "--vcores", "1"]);
    executor.args(["--bind-port", &free_port().to_string(), "--bind-grpc-port", &free_port().to_string()]);
    executor.args(["--executor-heartbeat-interval-seconds", "1", "--work-dir"]).arg(work);
    Executor { process: Process(executor.spawn().expect("the executor starts")), work: work.to_owned() }
}

/// A program of Ballista, which cargo puts beside the tests.
fn ballista(name: &str) -> Command {
    let test = env::current_exe().expect("a path");
    let target = test.parent().and_then(Path::parent).expect("target/debug/deps");
    let mut command = Command::new(target.join("examples").join(format!("ballista-{name}")));
    command.stdout(Stdio::null());
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn until(what: &str, reached: impl Fn() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn fleet(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_softoff-fleet"));
    command.args(arguments).current_dir(dir).env("SOFTOFF_STORE", "store").env_remove("SOFTOFF_CLUSTER");
    command
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn made_up(size: [&str; 6]) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let synth = fleet(dir.path(), &[&["synth", "--seed", "7"], size.as_slice()].concat()).output();
    assert!(synth.expect("softoff-fleet runs").status.success());
    dir
}

/// The same but for the order in which numbers were added.
fn assert_same(here: &Value, there: &Value) {
    match (here, there) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().expect("a number"), b.as_f64().expect("a number"));
            assert!((a - b).abs() <= 1e-9 * a.abs().max(b.abs()), "{a} here, {b} there");
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).for_each(|(a, b)| assert_same(a, b));
        }
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
            a.values().zip(b.values()).for_each(|(a, b)| assert_same(a, b));
        }
        (a, b) => assert_eq!(a, b),
    }
}

#[test]
fn a_cluster_answers_as_this_machine_does() {
    let dir = made_up(["--hosts", "6", "--days", "10", "--per-day", "50"]);
    let cluster = Cluster::start(dir.path());
    // Both executors are at work before anything is judged.
    until("both executors work", || {
        let warm_up = fleet(dir.path(), &["summary", "--cluster", &cluster.address]).output();
        assert!(warm_up.expect("softoff-fleet runs").status.success());
        cluster.executors.iter().all(|executor| executor.written() > 0)
    });
    let questions: [&[&str]; 8] = [
        &["summary"],
        &["summary", "--by", "phase"],
        &["summary", "--by", "host", "--since", "2026-01-04"],
        &["summary", "--by", "date", "--where", "outcome <> 'soft'"],
        &["top"],
        &["compare", "--by", "qemu.version"],
        &["compare", "--before", "2026-01-01..2026-01-05", "--after", "2026-01-06.."],
        &[
            "query",
            "SELECT cause, median(duration_seconds) AS median, count(*) AS n, min(requested_at) AS first \
           FROM episodes GROUP BY cause ORDER BY n DESC, cause",
        ],
    ];
    for question in questions {
        let ask = [question, &["--format", "json"]].concat();
        let here = fleet(dir.path(), &ask).output().expect("softoff-fleet runs");
        let there = [ask.as_slice(), &["--cluster", &cluster.address]].concat();
        let there = fleet(dir.path(), &there).output().expect("softoff-fleet runs");
        assert_eq!(here.status, there.status, "{question:?}: {}", String::from_utf8_lossy(&there.stderr));
        assert_same(&json(&here), &json(&there));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_left_out_on_a_cluster_too() {
    let dir = made_up(["--hosts", "2", "--days", "3", "--per-day", "20"]);
    let host = fs::read_dir(dir.path().join("store/date=2026-01-02")).expect("a day").next().expect("a host");
    let file = fs::read_dir(host.expect("a host").path()).expect("files").next().expect("a file");
    let file = file.expect("a file").path();
    let whole = fs::read(&file).expect("read");
    fs::write(&file, &whole[..whole.len() / 2]).expect("written");
    let cluster = Cluster::start(dir.path());
    let summary = ["summary", "--format", "json", "--cluster", &cluster.address];
    let there = fleet(dir.path(), &summary).output().expect("softoff-fleet runs");
    let stderr = String::from_utf8_lossy(&there.stderr).into_owned();
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(stderr.contains(&name), "{stderr}");
    assert_eq!(json(&there)["all"]["count"], 100, "five of six files");
}

#[test]
fn an_executor_that_dies_in_the_middle_of_a_query_is_made_up_for_by_the_other() {
    let dir = made_up(["--hosts", "20", "--days", "10", "--per-day", "1000"]);
    let ask = ["summary", "--format", "json"];
    let here = fleet(dir.path(), &ask).output().expect("softoff-fleet runs");
    let mut cluster = Cluster::start(dir.path());
    let there = [ask.as_slice(), &["--cluster", &cluster.address]].concat();
    let mut query = fleet(dir.path(), &there);
    let mut query = Process(query.stdout(Stdio::piped()).spawn().expect("softoff-fleet runs"));
    until("both executors work", || cluster.executors.iter().all(|executor| executor.written() > 0));
    cluster.executors[0].process.0.kill().expect("it can be killed");
    assert_eq!(query.0.try_wait().expect("its state"), None, "it was killed in the middle");
    let mut stdout = query.0.stdout.take().expect("its output");
    let reader = thread::spawn(move || std::io::read_to_string(&mut stdout).expect("read"));
    let status = query.0.wait().expect("its end");
    assert!(status.success(), "{status}");
    let there: Value = serde_json::from_str(&reader.join().expect("read")).expect("JSON");
    assert_same(&json(&here), &there);
}

#[test]
fn a_scheduler_that_is_not_there_is_said() {
    let dir = made_up(["--hosts", "1", "--days", "1", "--per-day", "1"]);
    let address = format!("df://127.0.0.1:{}", free_port());
    let ended = fleet(dir.path(), &["summary", "--cluster", &address]).output().expect("softoff-fleet runs");
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2));
    assert!(stderr.contains(&address) && stderr.contains("is ballista-scheduler running"), "{stderr}");
}

#[test]
fn a_scheduler_without_executors_is_not_waited_for_in_silence() {
    let dir = made_up(["--hosts", "1", "--days", "1", "--per-day", "1"]);
    let (_scheduler, port) = scheduler();
    let mut query = fleet(dir.path(), &["summary", "--cluster", &address(port)]);
    let mut query = Process(query.stderr(Stdio::piped()).spawn().expect("softoff-fleet runs"));
    let said = BufReader::new(query.0.stderr.take().expect("its errors")).lines().next();
    let said = said.expect("a line").expect("text");
    assert!(said.contains(&address(port)) && said.contains("has no executors"), "{said}");
    assert_eq!(query.0.try_wait().expect("its state"), None, "executors may still come");
}
