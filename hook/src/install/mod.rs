//! Puts the hook where libvirt runs it, and takes it away again without a trace.
//!
//! ```text
//! look ─▶ plan ─▶ steps ─▶ report          uninstall: manifest ─▶ plan ─▶ steps ─▶ report
//! (what is there)  (pure)   (do it)
//!
//! /etc/libvirt/hooks/
//!   softoff-install.json     what was made here, so that it can be unmade
//!   softoff-journal          symbolic link to the journal's directory
//!   qemu.d/50-softoff        the hook, where libvirt knows drop-ins (6.5 and later), otherwise
//!   qemu                     the hook, and
//!   qemu.before-softoff      the one that was there before, which it runs when it is done
//! ```
//!
//! The hook is copied, not linked: AppArmor lets libvirt execute what is below its hooks directory
//! and little else. It is tried before it is put in place, because a hook that cannot run keeps
//! every VM of the host from starting.

mod error;
mod libvirt;
mod manifest;
mod place;
mod plan;
mod step;
mod unit;

use std::fmt;
use std::path::{Path, PathBuf};

pub use error::InstallError;
pub use libvirt::{Host, Version, is_run_by_systemd};
pub use manifest::Way;

use manifest::Manifest;
use place::Places;
use plan::Found;
use step::Step;

/// libvirt's hooks directory.
pub const HOOKS_DIR: &str = "/etc/libvirt/hooks";

/// Where an administrator's systemd units are.
pub const UNIT_DIR: &str = "/etc/systemd/system";

/// What is to be installed, and where.
#[derive(Debug, Clone)]
pub struct Request {
    /// libvirt's hooks directory.
    pub hooks_dir: PathBuf,
    /// The hook program to copy.
    pub hook: PathBuf,
    /// The journal's directory, absolute.
    pub journal: PathBuf,
    /// How to install; `None`: as the installed libvirt wants it.
    pub way: Option<Way>,
    /// Where to put the unit that runs the recorder, and the `softoff` program it runs.
    pub unit: Option<UnitRequest>,
}

/// The unit that runs the recorder.
#[derive(Debug, Clone)]
pub struct UnitRequest {
    /// The directory of the unit file.
    pub dir: PathBuf,
    /// The `softoff` program, absolute.
    pub program: PathBuf,
}

/// What was done, and what is to be known about it: sentences for people.
#[derive(Debug, Default)]
pub struct Report {
    /// What was done, one sentence each.
    pub done: Vec<String>,
    /// What to do next, and what to beware of.
    pub notes: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.done.iter().chain(&self.notes).try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Installs or updates the hook. A first install that fails half-way is undone.
pub fn install(request: &Request, host: &Host) -> Result<Report, InstallError> {
    let places = Places::new(&request.hooks_dir);
    let found = Found::look(&places, request)?;
    let version = host.libvirt_version();
    let way = plan::way(request.way, found.manifest.as_ref(), version)?;
    let manifest = plan::manifest(request, &found, way);
    let steps = plan::install(request, &places, &found, &manifest)?;
    let effect = host.effect(&request.hooks_dir, way);
    if let Err(error) = run(&steps) {
        if found.manifest.is_none() {
            undo(&places, &manifest);
        }
        return Err(error);
    }
    let mut report = Report { done: sentences(&steps), notes: Vec::new() };
    report.notes.extend(version.is_none().then(|| libvirt::NO_VERSION.to_owned()));
    report.notes.push(effect.to_string());
    report.notes.extend(host.selinux_warning(&request.hooks_dir));
    Ok(report)
}

/// Removes what [`install`] made in `hooks_dir` and puts back what it moved. Where nothing was
/// installed it says so.
pub fn uninstall(hooks_dir: &Path, host: &Host) -> Result<Report, InstallError> {
    let places = Places::new(hooks_dir);
    let Some(manifest) = Manifest::read(&places.manifest)? else {
        let nothing = format!("softoff is not installed in {}: nothing was done.", hooks_dir.display());
        return Ok(Report { done: vec![nothing], notes: Vec::new() });
    };
    let steps = plan::uninstall(&places, &manifest);
    let foreign = plan::foreign_hooks(&places, &manifest);
    run(&steps)?;
    let mut report = Report { done: sentences(&steps), notes: left(&manifest, &foreign) };
    report.notes.extend(host.reload_after_removal(&places, manifest.way));
    Ok(report)
}

fn run(steps: &[Step]) -> Result<(), InstallError> {
    steps.iter().try_for_each(Step::run)
}

/// The error that made this necessary is the one to report.
fn undo(places: &Places, manifest: &Manifest) {
    for step in plan::uninstall(places, manifest) {
        let _ = step.run();
    }
}

fn sentences(steps: &[Step]) -> Vec<String> {
    steps.iter().filter_map(Step::sentence).collect()
}

/// What an uninstall leaves behind, and why.
fn left(manifest: &Manifest, foreign: &[PathBuf]) -> Vec<String> {
    let journal = manifest.journal.display();
    let records = manifest.journal.exists().then(|| {
        format!("The records in {journal} are left; remove that directory when you no longer need them.")
    });
    let hooks = foreign.iter().map(|path| format!("{} is left: it is not softoff's.", path.display()));
    records.into_iter().chain(hooks).collect()
}
