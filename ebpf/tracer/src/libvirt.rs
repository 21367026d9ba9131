//! What libvirt leaves in files about its running domains. Nothing here talks to libvirt: it may
//! be the one that hangs.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::SystemTime;

use roxmltree::{Document, Node};
use uuid::Uuid;

use crate::cmdline::AGENT;

/// libosinfo's XML namespace in a domain's metadata.
const LIBOSINFO: &str = "http://libosinfo.org/xmlns/libvirt/domain/1.0";

/// How much of a status file is read, in bytes; that of a large domain has some 50 kB.
const MAX_STATUS: u64 = 4 << 20;

/// How much of the end of a domain's log is searched for its last start, in bytes.
const LOG_TAIL: u64 = 256 << 10;

/// The directories of one libvirt daemon.
#[derive(Debug)]
pub struct Libvirt {
    /// `NAME.pid` and `NAME.xml` of running domains.
    run: PathBuf,
    /// `NAME.log`.
    log: PathBuf,
    /// When `run` changed last, as far as it was looked at.
    changed: Option<SystemTime>,
}

/// A running domain, as its status file has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Domain {
    /// Name.
    pub name: Option<String>,
    /// UUID.
    pub uuid: Option<Uuid>,
    /// libosinfo id of the guest.
    pub os: Option<String>,
    /// State, as libvirt spells it.
    pub state: Option<String>,
    /// Whether the guest has its agent's port open, where the domain has one.
    pub agent_open: Option<bool>,
}

impl Libvirt {
    /// The system daemon's.
    pub fn system() -> Self {
        Self { run: "/run/libvirt/qemu".into(), log: "/var/log/libvirt/qemu".into(), changed: None }
    }

    /// Processes of domains that started since the last call, or before the first.
    pub fn new_pids(&mut self) -> Vec<u32> {
        let changed = fs::metadata(&self.run).and_then(|metadata| metadata.modified()).ok();
        if changed.is_none() || changed == self.changed {
            return Vec::new();
        }
        self.changed = changed;
        self.pid_files().into_iter().map(|(pid, _)| pid).collect()
    }

    /// Only those with a status file: `driver.pid` is the daemon's own.
    fn pid_files(&self) -> Vec<(u32, String)> {
        let Ok(entries) = fs::read_dir(&self.run) else { return Vec::new() };
        let pid_file = |path: PathBuf| {
            let name = path.file_name()?.to_str()?.strip_suffix(".pid")?.to_owned();
            self.run.join(format!("{name}.xml")).exists().then_some(())?;
            let pid = fs::read_to_string(&path).ok()?.trim().parse().ok()?;
            Some((pid, name))
        };
        entries.filter_map(|entry| pid_file(entry.ok()?.path())).collect()
    }

    /// The domain that this process runs; empty where libvirt does not say so.
    pub fn domain(&self, pid: u32, name: Option<&str>) -> Domain {
        let name = match name {
            Some(name) => name.to_owned(),
            None => match self.pid_files().into_iter().find(|(of, _)| *of == pid) {
                Some((_, name)) => name,
                None => return Domain::default(),
            },
        };
        // A domain's name is a file name; what is none is not libvirt's.
        if name.contains('/') {
            return Domain::default();
        }
        let mut text = String::new();
        let read = File::open(self.run.join(format!("{name}.xml")))
            .and_then(|file| file.take(MAX_STATUS).read_to_string(&mut text));
        read.ok().and_then(|_| domain(&text, pid)).unwrap_or_default()
    }

    /// QEMU's version, from the last start in the domain's log.
    pub fn qemu_version(&self, name: &str) -> Option<String> {
        if name.contains('/') {
            return None;
        }
        let mut log = File::open(self.log.join(format!("{name}.log"))).ok()?;
        let length = log.metadata().ok()?.len();
        log.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL))).ok()?;
        let mut tail = Vec::new();
        log.take(LOG_TAIL).read_to_end(&mut tail).ok()?;
        version(&String::from_utf8_lossy(&tail))
    }
}

fn domain(status: &str, pid: u32) -> Option<Domain> {
    let document = Document::parse(status).ok()?;
    let root = document.root_element();
    if root.attribute("pid")?.parse() != Ok(pid) {
        return None;
    }
    let domain = child(root, "domain")?;
    let text = |name| child(domain, name).and_then(|node| node.text()).map(str::to_owned);
    Some(Domain {
        name: text("name"),
        uuid: text("uuid").and_then(|uuid| uuid.parse().ok()),
        os: os_id(domain),
        state: root.attribute("state").map(str::to_owned),
        agent_open: agent_open(domain),
    })
}

fn agent_open(domain: Node) -> Option<bool> {
    let mut targets = child(domain, "devices")?
        .children()
        .filter(|node| node.has_tag_name("channel"))
        .filter_map(|channel| child(channel, "target"));
    let is_agents =
        |target: &Node| target.attribute("type") == Some("virtio") && target.attribute("name") == Some(AGENT);
    match targets.find(is_agents)?.attribute("state")? {
        "connected" => Some(true),
        "disconnected" => Some(false),
        _ => None,
    }
}

fn os_id(domain: Node) -> Option<String> {
    child(domain, "metadata")?
        .descendants()
        .find(|node| node.has_tag_name((LIBOSINFO, "os")))
        .and_then(|node| node.attribute("id"))
        .map(str::to_owned)
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// From `…: starting up libvirt version: 9.0.0, package: …, qemu version: 7.2.22Debian …, kernel: …`.
fn version(log: &str) -> Option<String> {
    let line = log.lines().rfind(|line| line.contains(": starting up libvirt version: "))?;
    let version = line.split_once("qemu version: ")?.1.split(',').next()?.trim();
    (!version.is_empty()).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = r"<domstatus state='running' reason='booted' pid='4711'>
  <taint flag='high-privileges'/>
  <domain type='kvm' id='3'>
    <name>web &lt;&quot;1&quot;&gt;</name>
    <uuid>6a3c1f5e-1111-2222-3333-444455556666</uuid>
    <metadata>
      <libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>
        <libosinfo:os id='http://microsoft.com/win/2k22'/>
      </libosinfo:libosinfo>
    </metadata>
    <os><type>hvm</type></os>
    <devices>
      <channel type='spicevmc'>
        <target type='virtio' name='com.redhat.spice.0' state='disconnected'/>
      </channel>
      <channel type='unix'>
        <source mode='bind' path='/var/lib/libvirt/qemu/channel/target/domain-3-web/org.qemu.guest_agent.0'/>
        <target type='virtio' name='org.qemu.guest_agent.0' state='connected'/>
        <alias name='channel0'/>
      </channel>
    </devices>
  </domain>
</domstatus>";

    fn libvirt(dir: &std::path::Path) -> Libvirt {
        Libvirt { run: dir.to_owned(), log: dir.to_owned(), changed: None }
    }

    #[test]
    fn the_status_file_gives_name_uuid_and_guest_system() {
        let found = domain(STATUS, 4711).expect("a domain");
        assert_eq!(found.name.as_deref(), Some("web <\"1\">"));
        assert_eq!(found.uuid, "6a3c1f5e-1111-2222-3333-444455556666".parse().ok());
        assert_eq!(found.os.as_deref(), Some("http://microsoft.com/win/2k22"));
    }

    #[test]
    fn the_status_file_gives_the_state_and_whether_the_agent_is_there() {
        let found = |status: &str| domain(status, 4711).expect("a domain");
        assert_eq!(found(STATUS).state.as_deref(), Some("running"));
        assert_eq!(found(STATUS).agent_open, Some(true));
        let gone = STATUS.replace("state='connected'", "state='disconnected'");
        assert_eq!(found(&gone).agent_open, Some(false));
        let unsaid = STATUS.replace(" state='connected'", "");
        assert_eq!(found(&unsaid).agent_open, None);
        let without = STATUS.replace(AGENT, "org.example.other");
        assert_eq!(found(&without).agent_open, None);
    }

    #[test]
    fn the_status_of_an_earlier_run_is_not_taken_for_this_one() {
        assert_eq!(domain(STATUS, 4712), None);
        assert_eq!(domain(&STATUS[..200], 4711), None, "torn");
    }

    #[test]
    fn a_domain_is_found_by_its_pid_file() {
        let dir = tempfile::tempdir().expect("tempdir");
        fs::write(dir.path().join("a b.pid"), "4711\n").expect("written");
        fs::write(dir.path().join("a b.xml"), STATUS).expect("written");
        let mut libvirt = libvirt(dir.path());
        assert_eq!(libvirt.domain(4711, None).uuid, domain(STATUS, 4711).and_then(|domain| domain.uuid));
        assert_eq!(libvirt.domain(4712, None), Domain::default());
        assert_eq!(libvirt.domain(4711, Some("../a b")), Domain::default());
        assert_eq!(libvirt.new_pids(), [4711]);
        assert!(libvirt.new_pids().is_empty(), "nothing changed");
    }

    #[test]
    fn the_version_is_that_of_the_last_start() {
        let dir = tempfile::tempdir().expect("tempdir");
        let line = |version| {
            format!(
                "2026-11-23 04:17:19.000+0000: starting up libvirt version: 9.0.0, package: 4, qemu version: {version}, kernel: 6.1\nLC_ALL=C \\\n"
            )
        };
        fs::write(dir.path().join("web.log"), line("7.0") + &line("7.2.22Debian 1:7.2")).expect("written");
        assert_eq!(libvirt(dir.path()).qemu_version("web").as_deref(), Some("7.2.22Debian 1:7.2"));
        assert_eq!(libvirt(dir.path()).qemu_version("none"), None);
    }
}
