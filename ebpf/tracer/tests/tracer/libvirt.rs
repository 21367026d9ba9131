//! libvirt's own library and client, and a domain of libvirt's test driver. Under the daemon's name the
//! client is to the tracer what the daemon is: a process that serves calls about a domain.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

use tempfile::TempDir;

const CLIENT: &str = "/usr/bin/virsh";

/// Why there is no libvirt here, if so.
pub fn is_possible() -> Result<(), String> {
    Path::new(CLIENT).exists().then_some(()).ok_or_else(|| format!("this test needs {CLIENT}"))
}

/// A UUID that no other test uses: a tracer sees the processes of all.
pub fn new_uuid() -> String {
    let uuid = fs::read_to_string("/proc/sys/kernel/random/uuid").expect("Linux gives UUIDs");
    uuid.trim_end().to_owned()
}

/// A running client; killed when dropped.
pub struct Virsh {
    child: Child,
    dir: Rc<TempDir>,
}

impl Virsh {
    /// Starts it under this name, with a domain `test` of this UUID, and a library that nobody else runs.
    pub fn named(name: &str, uuid: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::copy(library(), dir.path().join("libvirt.so.0")).expect("libvirt's library is readable");
        let node = format!(
            "<node><domain type='test'><name>test</name><uuid>{uuid}</uuid><memory>8192</memory>\
             <os><type>hvm</type></os></domain></node>"
        );
        fs::write(dir.path().join("node.xml"), node).expect("written");
        Self::start(Rc::new(dir), name)
    }

    fn start(dir: Rc<TempDir>, name: &str) -> Self {
        let program = dir.path().join(name);
        fs::copy(CLIENT, &program).expect("virsh is readable");
        let child = Command::new(&program)
            .env("LD_LIBRARY_PATH", dir.path())
            .arg("--connect")
            .arg(format!("test://{}/node.xml", dir.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("virsh starts");
        Self { child, dir }
    }

    /// Starts it under this name, with the domain and the library of another one.
    pub fn like(other: &Self, name: &str) -> Self {
        Self::start(Rc::clone(&other.dir), name)
    }

    /// Has it execute a command.
    pub fn execute(&mut self, command: &str) {
        let input = self.child.stdin.as_mut().expect("virsh has a standard input");
        writeln!(input, "{command}").expect("virsh takes a command");
    }

    /// Waits until it has executed all, and its end.
    pub fn wait(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().expect("virsh ends");
    }
}

impl Drop for Virsh {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The library that the client runs.
fn library() -> String {
    let output = Command::new("ldd").arg(CLIENT).output().expect("ldd runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let line = text.lines().find(|line| line.contains("libvirt.so.0")).expect("virsh needs libvirt");
    line.split_whitespace().nth(2).expect("a path").to_owned()
}
