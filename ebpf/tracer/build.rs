//! Compiles the eBPF programs, which the tracer carries within itself.
//!
//! They need `core` for a target that rustup ships none for, so they are built with a compiler
//! that has its library's source beside it: Debian's `rustc-web`, or a rustup nightly with
//! `rust-src`. Cargo runs this again only when the probes, the shared structs or the tools change.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "bpfel-unknown-none";
const SETUP: &str = "run `./x setup` in the repository, which installs what is missing";

fn main() {
    let probes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../probes");
    for watched in ["src", "Cargo.toml", "Cargo.lock", "../abi/src", "../abi/Cargo.toml"] {
        println!("cargo::rerun-if-changed={}", probes.join(watched).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    if let Err(why) = build(&probes) {
        for line in why.lines() {
            println!("cargo::error={line}");
        }
    }
}

fn build(probes: &Path) -> Result<(), String> {
    let toolchain = debian().or_else(rustup_nightly).ok_or_else(|| {
        format!("the eBPF programs need Debian's rustc-web with rust-web-src, or a rustup nightly with rust-src: {SETUP}")
    })?;
    let linker = bpf_linker().ok_or_else(|| format!("the eBPF programs need bpf-linker: {SETUP}"))?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?);
    let target_dir = out.join("bpf");
    let mut cargo = toolchain.cargo();
    cargo
        .current_dir(probes)
        .args([
            "build",
            "--release",
            "--quiet",
            "--locked",
            "-Z",
            "build-std=core",
            "--target",
            TARGET,
            "--target-dir",
        ])
        .arg(&target_dir)
        .env("RUSTFLAGS", format!("-C linker={} -C link-arg=--btf -C debuginfo=2", linker.display()));
    let built = cargo.output().map_err(|error| format!("cannot run {cargo:?}: {error}"))?;
    if !built.status.success() {
        let errors = String::from_utf8_lossy(&built.stderr);
        return Err(format!("the eBPF programs do not compile ({})\n{errors}", toolchain.rustc.display()));
    }
    let object = target_dir.join(TARGET).join("release/softoff-probes");
    std::fs::copy(&object, out.join("softoff-probes"))
        .map(drop)
        .map_err(|error| format!("cannot copy {}: {error}", object.display()))
}

/// Beginnings of the variables by which the outer build would reach into this one.
const NOT_FOR_BPF: [&str; 7] = [
    "CARGO_BUILD_",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_MAKEFLAGS",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
    "MAKEFLAGS",
    "RUST",
];

/// A compiler with the source of `core`.
struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
}

impl Toolchain {
    /// Cargo without what the outer cargo, or clippy, put into the environment for another target.
    fn cargo(&self) -> Command {
        let mut cargo = Command::new(&self.cargo);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if NOT_FOR_BPF.iter().any(|prefix| text.starts_with(prefix)) {
                cargo.env_remove(&name);
            }
        }
        // -Z options are for nightlies; the distribution's compiler takes them when told so.
        cargo.env("RUSTC", &self.rustc).env("RUSTC_BOOTSTRAP", "1");
        cargo
    }
}

fn debian() -> Option<Toolchain> {
    let core = Path::new("/usr/lib/rustlib/src/rust/library/core/Cargo.toml");
    let toolchain = Toolchain { cargo: "/usr/bin/cargo".into(), rustc: "/usr/bin/rustc".into() };
    (core.exists() && toolchain.cargo.exists() && toolchain.rustc.exists()).then_some(toolchain)
}

fn rustup_nightly() -> Option<Toolchain> {
    let rustc = rustup_which("rustc")?;
    let core = rustc.parent()?.parent()?.join("lib/rustlib/src/rust/library/core/Cargo.toml");
    core.exists().then_some(Toolchain { cargo: rustup_which("cargo")?, rustc })
}

fn rustup_which(tool: &str) -> Option<PathBuf> {
    let found = Command::new("rustup").args(["which", "--toolchain", "nightly", tool]).output().ok()?;
    let path = String::from_utf8(found.stdout).ok()?;
    found.status.success().then(|| PathBuf::from(path.trim()))
}

fn bpf_linker() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let path = env::var_os("PATH").unwrap_or_default();
    home.map(|home| home.join("bin"))
        .into_iter()
        .chain(env::split_paths(&path))
        .map(|dir| dir.join("bpf-linker"))
        .find(|linker| linker.exists())
}
