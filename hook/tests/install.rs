//! `install` and `uninstall` on real directories: what was there before is there afterwards.

mod lab;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lab::{HOOK, XML, feed, records};
use proptest::prelude::*;
use softoff_hook::install::{Host, InstallError, Report, Request, UnitRequest, Way, install, uninstall};
use softoff_hook::mark::MARK;
use tempfile::TempDir;

/// A program that another thread's new child still holds open for writing cannot be executed, so
/// these tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// A machine with a libvirt of some version and nothing else.
struct Machine {
    root: TempDir,
    host: Host,
    _turn: MutexGuard<'static, ()>,
}

impl Machine {
    fn with_libvirt(version: &str) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let root = tempfile::tempdir().expect("tempdir");
        let sbin = root.path().join("sbin");
        fs::create_dir(&sbin).expect("created");
        script(&sbin.join("libvirtd"), &format!("echo 'libvirtd (libvirt) {version}'"));
        let host = Host {
            sbin: vec![sbin],
            run: root.path().into(),
            proc: root.path().into(),
            selinux: root.path().into(),
        };
        Self { root, host, _turn: turn }
    }

    fn etc(&self) -> PathBuf {
        self.root.path().join("etc")
    }

    fn hooks(&self) -> PathBuf {
        self.etc().join("hooks")
    }

    fn request(&self) -> Request {
        Request {
            hooks_dir: self.hooks(),
            hook: HOOK.into(),
            journal: self.etc().join("lib/journal"),
            way: None,
            unit: None,
        }
    }

    fn install(&self) -> Result<Report, InstallError> {
        install(&self.request(), &self.host)
    }

    fn uninstall(&self) -> Report {
        uninstall(&self.hooks(), &self.host).expect("uninstalled")
    }
}

fn script(path: &Path, body: &str) {
    fs::write(path, format!("#!/bin/sh\n{body}\n")).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("mode set");
}

/// Everything below a directory: kind, mode, owner, and content or target.
fn tree(dir: &Path) -> BTreeMap<PathBuf, (u32, u32, Vec<u8>)> {
    let mut tree = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(path) = open.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let content = if metadata.is_symlink() {
            fs::read_link(&path).expect("a target").as_os_str().as_bytes().to_vec()
        } else if metadata.is_dir() {
            open.extend(fs::read_dir(&path).expect("listed").map(|entry| entry.expect("an entry").path()));
            Vec::new()
        } else {
            fs::read(&path).expect("content")
        };
        tree.insert(path, (metadata.mode(), metadata.uid(), content));
    }
    tree
}

/// Lays out a hooks directory of some kind, by a number.
fn lay_out(hooks: &Path, kind: usize) {
    let with_dir = || fs::create_dir_all(hooks.join("qemu.d")).expect("created");
    match kind {
        0 => {}
        1 => fs::create_dir_all(hooks.parent().expect("a parent")).expect("created"),
        2 => fs::create_dir_all(hooks).expect("created"),
        3 => with_dir(),
        4 => {
            with_dir();
            script(&hooks.join("qemu"), "exec cat");
            script(&hooks.join("qemu.d/10-other"), "exit 0");
            script(&hooks.join("network"), "exit 0");
        }
        5 => {
            with_dir();
            script(&hooks.join("real"), "exit 3");
            symlink("real", hooks.join("qemu")).expect("linked");
        }
        _ => {
            with_dir();
            fs::write(hooks.join("qemu"), "not executable").expect("written");
            fs::set_permissions(hooks.join("qemu.d"), fs::Permissions::from_mode(0o700)).expect("mode set");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn uninstall_leaves_the_machine_as_it_was(
        kind in 0_usize..7,
        version in prop::sample::select(vec!["6.4.0", "6.5.0", "9.0.0", "12.5.0"]),
        times in 1_usize..4,
        with_unit: bool,
        with_journal: bool,
    ) {
        let machine = Machine::with_libvirt(version);
        lay_out(&machine.hooks(), kind);
        if with_journal {
            fs::create_dir_all(machine.request().journal).expect("created");
        }
        let unit = UnitRequest { dir: machine.root.path().into(), program: "/usr/bin/softoff".into() };
        let request = Request { unit: with_unit.then_some(unit), ..machine.request() };
        let before = tree(machine.root.path());
        for _ in 0..times {
            install(&request, &machine.host).expect("installed");
            prop_assert_ne!(&before, &tree(machine.root.path()));
        }
        machine.uninstall();
        prop_assert_eq!(before, tree(machine.root.path()));
    }
}

#[test]
fn the_hook_is_a_drop_in_where_libvirt_knows_them_and_works_there() {
    let machine = Machine::with_libvirt("6.5.0");
    let report = machine.install().expect("installed").to_string();
    let hook = machine.hooks().join("qemu.d/50-softoff");
    assert!(report.contains(&*hook.to_string_lossy()), "{report}");
    assert_eq!(fs::symlink_metadata(&hook).expect("there").mode(), 0o100_755, "a copy, not a link");
    assert_eq!(fs::read(&hook).expect("read"), fs::read(HOOK).expect("read"));
    let output =
        feed(std::process::Command::new(&hook).args(["vm", "started", "begin", "-"]), XML.as_bytes());
    lab::assert_silent(&output);
    assert_eq!(records(&machine.request().journal).len(), 1);
    let mode = fs::metadata(machine.request().journal).expect("there").mode();
    assert_eq!(mode & 0o777, 0o750);
}

#[test]
fn before_drop_ins_the_hook_takes_the_others_place_and_runs_it() {
    let machine = Machine::with_libvirt("6.4.0");
    fs::create_dir_all(machine.hooks()).expect("created");
    let hook = machine.hooks().join("qemu");
    script(&hook, "cat; exit 7");
    for time in 1..=2 {
        machine.install().expect("installed");
        let output =
            feed(std::process::Command::new(&hook).args(["vm", "started", "begin", "-"]), XML.as_bytes());
        assert_eq!((output.status.code(), output.stdout), (Some(7), XML.as_bytes().to_vec()));
        assert_eq!(records(&machine.request().journal).len(), time);
    }
}

#[test]
fn records_outlive_the_install_and_this_is_said() {
    let machine = Machine::with_libvirt("9.0.0");
    machine.install().expect("installed");
    let record = machine.request().journal.join("a.jsonl");
    fs::write(&record, "records").expect("written");
    let report = machine.uninstall().to_string();
    assert!(record.exists() && report.contains("are left"), "{report}");
    assert!(!machine.hooks().exists());
}

#[test]
fn uninstall_without_an_install_says_so() {
    let machine = Machine::with_libvirt("9.0.0");
    assert!(machine.uninstall().to_string().contains("is not installed"));
}

#[test]
fn what_is_not_softoffs_is_never_overwritten() {
    for place in ["qemu.d/50-softoff", "softoff-journal"] {
        let machine = Machine::with_libvirt("9.0.0");
        fs::create_dir_all(machine.hooks().join("qemu.d")).expect("created");
        script(&machine.hooks().join(place), "exit 0");
        let before = tree(machine.root.path());
        let error = machine.install().expect_err("refused");
        assert!(matches!(&error, InstallError::Foreign { path } if path.ends_with(place)), "{error}");
        assert_eq!(before, tree(machine.root.path()));
    }
}

#[test]
fn a_foreign_unit_stops_the_install() {
    let machine = Machine::with_libvirt("9.0.0");
    let dir = machine.root.path().to_owned();
    fs::write(dir.join("softoff.service"), "[Unit]").expect("written");
    let request =
        Request { unit: Some(UnitRequest { dir, program: "/usr/bin/softoff".into() }), ..machine.request() };
    assert!(matches!(install(&request, &machine.host), Err(InstallError::Foreign { .. })));
}

#[test]
fn a_hook_that_was_replaced_since_stays() {
    for (version, place) in [("9.0.0", "qemu.d/50-softoff"), ("6.4.0", "qemu")] {
        let machine = Machine::with_libvirt(version);
        machine.install().expect("installed");
        let place = machine.hooks().join(place);
        script(&place, "echo mine");
        let report = machine.uninstall().to_string();
        assert!(fs::read_to_string(&place).expect("still there").contains("mine"));
        assert!(report.contains("is not softoff's"), "{report}");
        assert!(!machine.hooks().join("softoff-install.json").exists());
    }
}

#[test]
fn an_install_that_was_cut_off_can_be_repeated_and_undone() {
    let machine = Machine::with_libvirt("6.4.0");
    fs::create_dir_all(machine.hooks()).expect("created");
    let [hook, before] = ["qemu", "qemu.before-softoff"].map(|name| machine.hooks().join(name));
    script(&hook, "exit 7");
    let original = tree(&machine.hooks());
    // Cut off between giving the old hook its second name and putting the new one in its place.
    fs::hard_link(&hook, &before).expect("linked");
    machine.install().expect("installed");
    machine.uninstall();
    assert_eq!(tree(&machine.hooks()), original);
    machine.install().expect("installed");
    fs::rename(&before, &hook).expect("renamed");
    fs::hard_link(&hook, &before).expect("linked");
    machine.uninstall();
    assert_eq!(tree(&machine.hooks()), original);
}

#[test]
fn a_program_that_is_not_the_hook_or_does_not_run_is_not_installed() {
    let machine = Machine::with_libvirt("9.0.0");
    let program = machine.root.path().join("program");
    let install_of = |bytes: &[u8]| {
        fs::write(&program, bytes).expect("written");
        install(&Request { hook: program.clone(), ..machine.request() }, &machine.host).expect_err("refused")
    };
    assert!(matches!(install_of(b"#!/bin/sh\n"), InstallError::NotTheHook { .. }));
    let error = install_of(&[b"\x7fELF but broken: ".as_slice(), &MARK].concat());
    assert!(matches!(error, InstallError::DoesNotRun { .. }), "{error}");
    assert!(!machine.etc().exists(), "what was made for it is gone again");
    let missing = Request { hook: "/no/such/hook".into(), ..machine.request() };
    let error = install(&missing, &machine.host).expect_err("refused");
    assert!(error.to_string().contains("/no/such/hook; name it with --hook"), "{error}");
}

#[test]
fn another_way_of_install_needs_an_uninstall_first() {
    let machine = Machine::with_libvirt("9.0.0");
    machine.install().expect("installed");
    let chain = Request { way: Some(Way::Chain), ..machine.request() };
    let error = install(&chain, &machine.host).expect_err("refused").to_string();
    assert!(error.contains("softoff uninstall"), "{error}");
    machine.uninstall();
    install(&chain, &machine.host).expect("installed");
    machine.install().expect("updated, in the way it is installed");
    assert!(machine.hooks().join("qemu").exists() && !machine.hooks().join("qemu.d").exists());
}

#[test]
fn a_machine_without_libvirt_gets_a_drop_in_and_a_word_about_it() {
    let mut machine = Machine::with_libvirt("9.0.0");
    machine.host.sbin.clear();
    let report = machine.install().expect("installed").to_string();
    assert!(report.contains("a current one is assumed") && report.contains("--chain"), "{report}");
}

#[test]
fn a_place_that_cannot_be_written_is_named_with_a_remedy() {
    let machine = Machine::with_libvirt("9.0.0");
    let request = Request { hooks_dir: "/proc/hooks".into(), ..machine.request() };
    let error = install(&request, &machine.host).expect_err("refused").to_string();
    assert!(error.contains("/proc/hooks;"), "{error}");
    assert!(!machine.etc().exists(), "nothing else was made either");
}

#[test]
fn a_manifest_that_cannot_be_understood_is_left_alone() {
    let machine = Machine::with_libvirt("9.0.0");
    machine.install().expect("installed");
    fs::write(machine.hooks().join("softoff-install.json"), "{}").expect("written");
    let before = tree(machine.root.path());
    assert!(matches!(machine.install(), Err(InstallError::Manifest { .. })));
    assert!(matches!(uninstall(&machine.hooks(), &machine.host), Err(InstallError::Manifest { .. })));
    assert_eq!(before, tree(machine.root.path()));
}
