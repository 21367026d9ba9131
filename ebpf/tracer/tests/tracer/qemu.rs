//! QEMU processes started by hand, and spoken to over QMP.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::{NamedTempFile, TempDir, TempPath};

use crate::boot_sector::{self, BootSector};

/// The QEMU of the machine.
pub const PROGRAM: &str = "/usr/bin/qemu-system-x86_64";

/// What to start.
pub struct Setup<'a> {
    pub program: &'a Path,
    pub machine: &'a str,
    pub accelerator: &'a str,
    pub boot: Option<BootSector>,
    pub arguments: &'a [&'a str],
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { program: Path::new(PROGRAM), machine: "q35", accelerator: "tcg", boot: None, arguments: &[] }
    }
}

/// A running QEMU; killed when dropped.
pub struct Qemu {
    child: Child,
    qmp: BufReader<UnixStream>,
    _dir: TempDir,
}

impl Qemu {
    /// Starts it, with `-no-shutdown` as libvirt does, and waits for its monitor.
    pub fn start(setup: &Setup) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("qmp");
        let mut command = Command::new(setup.program);
        // A copy looks for its modules and firmware beside itself.
        command
            .env("QEMU_MODULE_DIR", "/usr/lib/x86_64-linux-gnu/qemu")
            .args(["-L", "/usr/share/qemu", "-L", "/usr/share/seabios"])
            .args(["-machine", setup.machine, "-accel", setup.accelerator, "-m", "32", "-display", "none"])
            .args(["-nodefaults", "-no-shutdown", "-name", "guest=probe,debug-threads=on", "-qmp"])
            .arg(format!("unix:{},server=on,wait=off", socket.display()))
            .args(setup.arguments)
            .stdin(Stdio::null());
        if let Some(code) = setup.boot {
            let disk = dir.path().join("boot");
            fs::write(&disk, boot_sector::disk(code)).expect("a disk");
            command.arg("-drive").arg(format!("file={},format=raw", disk.display()));
        }
        let child = command.spawn().expect("QEMU starts");
        Self { child, qmp: connect(&socket), _dir: dir }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Executes a command and waits for its answer.
    pub fn qmp(&mut self, command: &str) {
        execute(&mut self.qmp, command);
    }

    /// Has it take this much memory and touch all of it, which may be the last it does.
    pub fn allocate(&mut self, bytes: u64) {
        let arguments =
            json!({ "qom-type": "memory-backend-ram", "id": "more", "size": bytes, "prealloc": true });
        send(&mut self.qmp, &json!({ "execute": "object-add", "arguments": arguments }));
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("a signal to QEMU");
    }

    /// Waits for its end.
    pub fn wait(&mut self) {
        self.child.wait().expect("QEMU ends");
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(socket: &PathBuf) -> BufReader<UnixStream> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let stream = loop {
        match UnixStream::connect(socket) {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < deadline, "QEMU offers no monitor: {error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let mut qmp = BufReader::new(stream);
    qmp.read_line(&mut String::new()).expect("a greeting");
    execute(&mut qmp, "qmp_capabilities");
    qmp
}

fn execute(qmp: &mut BufReader<UnixStream>, command: &str) {
    send(qmp, &json!({ "execute": command }));
    loop {
        let mut line = String::new();
        qmp.read_line(&mut line).expect("QMP answers");
        let answer: Value = serde_json::from_str(&line).expect("QMP speaks JSON");
        assert!(answer.get("error").is_none(), "{command}: {answer}");
        if answer.get("return").is_some() {
            return;
        }
    }
}

fn send(qmp: &mut BufReader<UnixStream>, command: &Value) {
    // In one write: after the closing brace of `quit` there may be nobody to write to.
    let line = format!("{command}\n");
    qmp.get_mut().write_all(line.as_bytes()).expect("QMP takes a command");
}

/// A QEMU that ends over a device it does not know; gives the number of the process.
pub fn fail_at_once() -> u32 {
    let mut command = Command::new(PROGRAM);
    command.args(["-machine", "pc", "-name", "failing", "-display", "none", "-device", "no-such-device"]);
    let mut child = command.stderr(Stdio::null()).spawn().expect("QEMU starts");
    child.wait().expect("QEMU ends");
    child.id()
}

/// A QEMU like those of distributions that build without modules: the names of the functions that
/// are watched are not in it. (Its own modules use none of them.)
pub fn without_symbols() -> TempPath {
    let mut bytes = fs::read(PROGRAM).expect("QEMU is readable");
    for sentinel in &softoff_tracer::sentinel::SENTINELS {
        let name = format!("\0{}\0", sentinel.symbol).into_bytes();
        let at = bytes.windows(name.len()).position(|window| window == name);
        bytes[at.expect("Debian's QEMU exports every sentinel") + 1] = b'X';
    }
    let file = tempfile::Builder::new().prefix("qemu-system-stripped").tempfile().expect("a file");
    fs::write(file.path(), bytes).expect("written");
    executable(file)
}

/// A copy of QEMU: another file to the kernel.
pub fn copy() -> TempPath {
    let file = tempfile::Builder::new().prefix("qemu-system-copy").tempfile().expect("a file");
    fs::copy(PROGRAM, file.path()).expect("copied");
    executable(file)
}

/// Closes a file, which the kernel wants before it executes it, and makes it a program.
fn executable(file: NamedTempFile) -> TempPath {
    let path = file.into_temp_path();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
    path
}

/// Why KVM cannot be used, if so.
pub fn kvm_is_possible() -> Result<(), String> {
    let opened = fs::OpenOptions::new().read(true).write(true).open("/dev/kvm");
    opened.map(drop).map_err(|error| format!("this test needs /dev/kvm ({error})"))
}
