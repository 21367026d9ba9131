//! What has to be done, decided from what is there. Nothing is changed here.

use std::path::{Path, PathBuf};

use super::manifest::{Manifest, Schema};
use super::place::{Places, is_hook_program, is_same_file, is_taken, is_the_hook};
use super::step::Step;
use super::{InstallError, Request, UnitRequest, Version, Way, unit};

/// The first libvirt that knows `qemu.d`.
const DROP_INS_SINCE: Version = Version { major: 6, minor: 5, release: 0 };

/// What is there before an install.
#[derive(Debug)]
pub(super) struct Found {
    /// What an earlier install made.
    pub manifest: Option<Manifest>,
    /// The hook program to install.
    pub program: Vec<u8>,
}

impl Found {
    /// Looks at the hooks directory and the hook program.
    pub fn look(places: &Places, request: &Request) -> Result<Self, InstallError> {
        let path = &request.hook;
        if !path.is_file() {
            return Err(InstallError::NoHook { path: path.clone() });
        }
        let program = std::fs::read(path).map_err(InstallError::io("read the hook program", path))?;
        if !is_hook_program(&program) {
            return Err(InstallError::NotTheHook { path: path.clone() });
        }
        Ok(Self { manifest: Manifest::read(&places.manifest)?, program })
    }
}

/// How to install: as asked, as it is installed already, or as the installed libvirt wants it.
pub(super) fn way(
    asked: Option<Way>,
    manifest: Option<&Manifest>,
    libvirt: Option<Version>,
) -> Result<Way, InstallError> {
    match (asked, manifest.map(|manifest| manifest.way)) {
        (Some(wanted), Some(installed)) if wanted != installed => {
            Err(InstallError::OtherWay { installed, wanted })
        }
        (_, Some(way)) | (Some(way), None) => Ok(way),
        (None, None) if libvirt.is_some_and(|version| version < DROP_INS_SINCE) => Ok(Way::Chain),
        (None, None) => Ok(Way::DropIn),
    }
}

/// What the install will have made, with what an earlier one made.
pub(super) fn manifest(request: &Request, found: &Found, way: Way) -> Manifest {
    let places = Places::new(&request.hooks_dir);
    let hook = places.hook(way);
    let unit = request.unit.as_ref().map(|unit| unit.dir.join(unit::NAME));
    let earlier = found.manifest.as_ref();
    let mut created_dirs = earlier.map_or_else(Vec::new, |manifest| manifest.created_dirs.clone());
    for dir in [hook.parent(), Some(&*request.journal)].into_iter().flatten() {
        let missing: Vec<_> = missing(dir).filter(|dir| !created_dirs.contains(dir)).collect();
        created_dirs.extend(missing);
    }
    Manifest {
        schema: Schema::V1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        way,
        journal: request.journal.clone(),
        unit: unit.or_else(|| earlier.and_then(|manifest| manifest.unit.clone())),
        created_dirs,
    }
}

/// The directories on the way to `dir` that do not exist, outer ones first.
fn missing(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let missing: Vec<_> = dir.ancestors().take_while(|dir| !is_taken(dir)).map(Path::to_owned).collect();
    missing.into_iter().rev()
}

/// The steps of an install. The hook comes last: until then libvirt sees no change.
pub(super) fn install(
    request: &Request,
    places: &Places,
    found: &Found,
    manifest: &Manifest,
) -> Result<Vec<Step>, InstallError> {
    let hook = places.hook(manifest.way);
    refuse_foreign(places, found, manifest)?;
    let mut steps: Vec<_> = manifest.created_dirs.iter().map(|dir| make_dir(dir, request)).collect();
    if manifest.way == Way::Chain && is_taken(&hook) && !is_the_hook(&hook) && !is_taken(&places.before) {
        steps.push(Step::KeepAside { hook: hook.clone(), aside: places.before.clone() });
    }
    steps.push(Step::WriteManifest { path: places.manifest.clone(), manifest: manifest.clone() });
    steps.push(Step::PlaceLink { path: places.link.clone(), target: request.journal.clone() });
    if let Some(UnitRequest { dir, program }) = &request.unit {
        let text = unit::text(program, &request.journal);
        steps.push(Step::PlaceUnit { path: dir.join(unit::NAME), text });
    }
    steps.push(Step::PlaceHook {
        path: hook,
        program: found.program.clone(),
        aside: places.hooks_dir.clone(),
    });
    Ok(steps)
}

fn make_dir(dir: &Path, request: &Request) -> Step {
    // Records name the host's domains: not for everybody's eyes.
    let mode = if *dir == request.journal { 0o750 } else { 0o755 };
    Step::MakeDir { path: dir.to_owned(), mode }
}

/// What is in the way and not softoff's is never overwritten.
fn refuse_foreign(places: &Places, found: &Found, manifest: &Manifest) -> Result<(), InstallError> {
    let installed = found.manifest.as_ref();
    let hook = places.hook(manifest.way);
    let earlier_unit = installed.and_then(|manifest| manifest.unit.as_ref());
    let own = |path: &PathBuf| match path {
        path if *path == places.link => installed.is_some() && path.is_symlink(),
        path if *path == places.before => installed.is_some() || is_same_file(path, &hook),
        path if *path == hook && manifest.way == Way::Chain => installed.is_none() || is_the_hook(path),
        path if *path == hook => installed.is_some() && is_the_hook(path),
        path => earlier_unit == Some(path),
    };
    let wanted = [Some(&places.link), manifest.unit.as_ref()].into_iter().flatten().cloned();
    let mut taken = wanted.chain(places.hook_and_before(manifest.way)).filter(|path| is_taken(path));
    match taken.find(|path| !own(path)) {
        Some(path) => Err(InstallError::Foreign { path }),
        None => Ok(()),
    }
}

/// The steps that unmake what the manifest says, as far as it is still there and softoff's.
pub(super) fn uninstall(places: &Places, manifest: &Manifest) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(unit) = manifest.unit.clone().filter(|unit| is_taken(unit)) {
        steps.push(Step::DisableUnit { unit: unit.clone() });
        steps.push(Step::Remove { path: unit });
    }
    steps.extend(unhook(places, manifest.way));
    if places.link.is_symlink() {
        steps.push(Step::Remove { path: places.link.clone() });
    }
    if is_taken(&places.manifest) {
        steps.push(Step::Remove { path: places.manifest.clone() });
    }
    steps.extend(manifest.created_dirs.iter().rev().map(|dir| Step::RemoveEmptyDir { path: dir.clone() }));
    steps
}

/// Takes the hook away. Where somebody else's stands in its place by now, that one stays.
fn unhook(places: &Places, way: Way) -> Option<Step> {
    let hook = places.hook(way);
    let chained = way == Way::Chain && is_taken(&places.before);
    if chained && is_same_file(&hook, &places.before) {
        // An install was cut off before it replaced the hook.
        return Some(Step::Remove { path: places.before.clone() });
    }
    match is_the_hook(&hook) {
        true if chained => Some(Step::Restore { aside: places.before.clone(), hook }),
        true => Some(Step::Remove { path: hook }),
        false => None,
    }
}

/// The hooks an uninstall leaves because somebody else put them where softoff's was.
pub(super) fn foreign_hooks(places: &Places, manifest: &Manifest) -> Vec<PathBuf> {
    match unhook(places, manifest.way) {
        Some(_) => Vec::new(),
        None => places.hook_and_before(manifest.way).into_iter().filter(|path| is_taken(path)).collect(),
    }
}
