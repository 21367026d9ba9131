//! QEMU is not always the distribution's own, nor still the file it was started from.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use softoff_analyzer::cause::Cause;
use softoff_analyzer::episode::{Outcome, Tier};
use softoff_guest::{Plan, Role};
use softoff_lab::expect::SOFT;
use softoff_lab::{DomainSpec, Lab, Machine, Recorder, expect};
use softoff_tracer::sentinel::SENTINELS;

use crate::stage;

const QEMU: &str = "/usr/bin/qemu-system-x86_64";

/// Writes a QEMU in which no sentinel finds its symbol, as one that was built without modules.
fn without_symbols(path: &Path) {
    let mut program = fs::read(QEMU).unwrap();
    for sentinel in SENTINELS {
        let name = [b"\0", sentinel.symbol.as_bytes(), b"\0"].concat();
        let found: Vec<_> = program
            .windows(name.len())
            .enumerate()
            .filter(|(_, bytes)| *bytes == name)
            .map(|(at, _)| at)
            .collect();
        for at in found {
            program[at + 1] = b'X';
        }
    }
    write_program(path, &program);
}

fn write_program(path: &Path, program: &[u8]) {
    fs::write(path, program).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A lab, and a place for a QEMU of its own, which looks for modules and firmware beside itself.
fn lab_with_hook() -> (Lab, PathBuf) {
    let lab = Lab::start().unwrap();
    lab.install_hook().unwrap();
    let prefix = lab.layout().root().join("usr");
    fs::create_dir_all(prefix.join("bin")).unwrap();
    for directory in ["lib", "share"] {
        symlink(Path::new("/usr").join(directory), prefix.join(directory)).unwrap();
    }
    let emulator = prefix.join("bin/qemu-system-x86_64");
    (lab, emulator)
}

#[test]
fn a_qemu_without_symbols_is_named_and_its_end_still_told() {
    if !stage::is_possible() {
        return;
    }
    let (lab, emulator) = lab_with_hook();
    without_symbols(&emulator);
    let recorder = Recorder::start(lab.softoff_inside()).unwrap();
    let spec = DomainSpec::new("no symbols", Machine::Q35, Plan::new(Role::Clean)).under(&emulator);
    let guest = lab.boot(&spec).unwrap();
    guest.wait_until_ready().unwrap();
    guest.shutdown().unwrap();
    guest.wait_until_off().unwrap();
    let said = recorder.stop().unwrap().join("\n");

    assert!(
        said.contains("it exports none of QEMU's functions"),
        "the recorder says what is missing: {said}"
    );
    let episode = &lab.episodes_of(&guest).unwrap()[0];
    assert_eq!(episode.outcome, Outcome::Soft);
    assert_eq!(episode.cause.code, Cause::None);
    assert!(episode.completeness.tier < Tier::Probe, "{:?}", episode.completeness);
    assert!(!episode.completeness.missing.is_empty(), "the episode says what could not be seen");
}

#[test]
fn a_qemu_whose_file_was_replaced_by_an_upgrade_is_watched_all_the_same() {
    if !stage::is_possible() {
        return;
    }
    let (lab, emulator) = lab_with_hook();
    write_program(&emulator, &fs::read(QEMU).unwrap());
    let spec = DomainSpec::new("upgraded", Machine::Q35, Plan::new(Role::Clean)).under(&emulator);
    let guest = lab.boot(&spec).unwrap();
    guest.wait_until_ready().unwrap();
    fs::remove_file(&emulator).unwrap();
    write_program(&emulator, b"a newer QEMU");
    let recorder = Recorder::start(lab.softoff_inside()).unwrap();
    guest.shutdown().unwrap();
    guest.wait_until_off().unwrap();
    recorder.stop().unwrap();
    expect::recorded(&lab, &guest, &[SOFT]).unwrap();
}
