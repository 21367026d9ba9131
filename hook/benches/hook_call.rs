//! What a hook call costs, beside the least that any program costs: an empty one, linked
//! statically. Both are started in turn, with the same XML on standard input, from start to end
//! as libvirt waits for it.
//!
//! `./x bench` builds the hook as it is installed and runs this.

use std::fs;
use std::io::{Write, pipe};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use tempfile::TempDir;

const XML: &[u8] = include_bytes!("domain.xml");
const EMPTY: &str = "int main(void) { return 0; }\n";
const ROUNDS: usize = 7;
const PAIRS: usize = 200;

fn main() -> anyhow::Result<()> {
    let dir = TempDir::new().context("cannot create a temporary directory")?;
    let empty = compile_empty(dir.path())?;
    let hook = hook_program()?;
    let journal = dir.path().join("journal");
    println!("hook call, {ROUNDS} rounds of {PAIRS} pairs, medians in µs (start to end of the process)");
    println!("{:>8} {:>12} {:>12} {:>8}", "round", "empty static", "softoff-hook", "ratio");
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let (empty, hook) = play(&empty, &hook, &journal)?;
        println!("{round:>8} {empty:>12.0} {hook:>12.0} {:>8.2}", hook / empty);
        ratios.push(hook / empty);
    }
    ensure!(journal.is_dir(), "the hook recorded nothing: what was measured is no hook call");
    ratios.sort_by(f64::total_cmp);
    println!(
        "hook / empty static program: {:.2} (median of {ROUNDS} rounds; the aim is 2 at most)",
        ratios[ROUNDS / 2]
    );
    Ok(())
}

/// The medians of one round in microseconds.
fn play(empty: &Path, hook: &Path, journal: &Path) -> anyhow::Result<(f64, f64)> {
    let mut times = [Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?];
    for _ in 0..PAIRS {
        for (program, times) in [empty, hook].into_iter().zip(&mut times) {
            *times += call(program, journal)?;
        }
    }
    let [empty, hook] = times.map(|times| micros(times.value_at_quantile(0.5)));
    Ok((empty, hook))
}

/// One call as libvirt makes it: nanoseconds until the process has ended.
fn call(program: &Path, journal: &Path) -> anyhow::Result<u64> {
    let (input, mut feed) = pipe().context("cannot make a pipe")?;
    // It fits the pipe, so that neither program waits for the other end.
    feed.write_all(XML)?;
    drop(feed);
    let mut command = Command::new(program);
    command.args(["web-1", "stopped", "end", "-"]).env_clear().env("SOFTOFF_JOURNAL", journal);
    command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null());
    let begin = Instant::now();
    let status = command.status().with_context(|| format!("cannot run {}", program.display()))?;
    let nanos = begin.elapsed().as_nanos();
    ensure!(status.success(), "{} ended with {status}", program.display());
    Ok(u64::try_from(nanos)?)
}

#[expect(clippy::cast_precision_loss, reason = "a process ends within hours")]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}

fn compile_empty(dir: &Path) -> anyhow::Result<PathBuf> {
    let (source, program) = (dir.join("empty.c"), dir.join("empty"));
    fs::write(&source, EMPTY).context("cannot write the empty program")?;
    let compiled = Command::new("cc").args(["-O2", "-static", "-o"]).arg(&program).arg(&source).status();
    let compiled = compiled.context("cannot run cc; `./x setup` installs it")?;
    ensure!(compiled.success(), "cc cannot build the empty program ({compiled})");
    Ok(program)
}

/// The hook as it is installed: static, in its own profile.
fn hook_program() -> anyhow::Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("a target directory")?;
    let hook = target.join("hook/softoff-hook");
    ensure!(hook.exists(), "{} is missing; run `./x bench`, which builds it", hook.display());
    Ok(hook)
}
