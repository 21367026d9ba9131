//! What importing costs, beside the least that any reader of the same file does: reading its lines.
//!
//! A synthetic log of a domain, with what real ones are full of, is read in turn by `BufRead::read_until` and
//! by the import. `./x bench import` runs this.

#![allow(clippy::format_push_string, reason = "the log is made once, before anything is measured")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use softoff_import::qemu_log::{self, Target};
use tempfile::TempDir;

const ROUNDS: usize = 5;
const SIZES: [u64; 2] = [1 << 28, 1 << 30];
/// Lines between a start and its end: a guest that runs for long under a QEMU that complains.
const CHATTER: i64 = 20_000;

fn main() -> anyhow::Result<()> {
    let dir = TempDir::new().context("cannot create a temporary directory")?;
    for size in SIZES {
        let log = dir.path().join(format!("domain-{size}.log"));
        let runs = write_log(&log, size).with_context(|| format!("cannot write {}", log.display()))?;
        measure(&log, size, runs, dir.path())?;
        fs::remove_file(log)?;
    }
    Ok(())
}

fn measure(log: &Path, size: u64, runs: u64, dir: &Path) -> anyhow::Result<()> {
    println!("qemu-log, {} MiB, {runs} runs, MB/s in {ROUNDS} rounds", size >> 20);
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let lines = rate(size, || read_lines(log))?;
        reset_peak()?;
        let imported = rate(size, || import(log, runs, dir))?;
        println!("{round:>8} lines {lines:>8.0} import {imported:>8.0} ratio {:>5.2}", lines / imported);
        ratios.push(lines / imported);
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "import / plain line reading: {:.2} times the time (median; the aim is 2 at most), peak memory {} KiB",
        ratios[ROUNDS / 2],
        peak()?
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "gigabytes")]
fn rate(size: u64, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let begin = Instant::now();
    work()?;
    Ok(size as f64 / 1e6 / begin.elapsed().as_secs_f64())
}

fn read_lines(log: &Path) -> anyhow::Result<()> {
    let mut input = BufReader::with_capacity(1 << 18, File::open(log)?);
    let (mut line, mut lines) = (Vec::new(), 0_u64);
    while input.read_until(b'\n', &mut line)? > 0 {
        lines += 1;
        line.clear();
    }
    ensure!(std::hint::black_box(lines) > 0, "no line was read");
    Ok(())
}

fn import(log: &Path, runs: u64, dir: &Path) -> anyhow::Result<()> {
    let target = Target { journal: &dir.join("journal"), version: "bench", host: "here" };
    let imported = qemu_log::import(log, &target, &mut |_, _| {})?;
    ensure!(imported.found.ends == runs, "{} of {runs} ends were found", imported.found.ends);
    Ok(())
}

/// Runs of a domain until the file has its size; returns how many.
fn write_log(log: &Path, size: u64) -> anyhow::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(log)?);
    let mut now = DateTime::from_timestamp(1_600_000_000, 0).context("a date")?;
    let (mut written, mut runs) = (0, 0);
    while written < size {
        let run = run(&mut now);
        out.write_all(run.as_bytes())?;
        written += run.len() as u64;
        runs += 1;
    }
    out.flush()?;
    Ok(runs)
}

fn run(now: &mut DateTime<Utc>) -> String {
    let mut run = format!(
        "{}: starting up libvirt version: 10.0.0, package: 1 (x), qemu version: 8.2.2, kernel: 6.8, hostname: kvm7\n",
        libvirt(now)
    );
    run += "LC_ALL=C \\\n/usr/bin/qemu-system-x86_64 \\\n-name guest=web,debug-threads=on \\\n-uuid 11111111-1111-4111-8111-111111111111 \\\n";
    for device in 0..60 {
        run += &format!(
            "-device '{{\"driver\":\"virtio-blk-pci\",\"bus\":\"pci.{device}\",\"id\":\"disk{device}\"}}' \\\n"
        );
    }
    run += "-msg timestamp=on\nchar device redirected to /dev/pts/1 (label charserial0)\n";
    for line in 0..CHATTER {
        *now += TimeDelta::milliseconds(1700);
        run += &match line % 8 {
            0..=4 => format!(
                "{} qemu-system-x86_64: warning: vhost-user device {line}: read of {} bytes failed\n",
                qemu(now),
                line * 512
            ),
            5 => format!("{} qemu-system-x86_64: terminating the connection of client {line}\n", qemu(now)),
            6 => format!(
                "red_channel_client_disconnect: rcc={line:#014x} (channel={:#014x} type=2 id=0)\n",
                line * 8
            ),
            _ => format!("virtio: bogus descriptor or out of resources, element {line}\n"),
        };
    }
    *now += TimeDelta::seconds(2);
    run += &format!(
        "{} qemu-system-x86_64: terminating on signal 15 from pid 6530 (/usr/sbin/libvirtd)\n",
        qemu(now)
    );
    run + &format!("{}: shutting down, reason=shutdown\n", libvirt(now))
}

fn libvirt(now: &DateTime<Utc>) -> String {
    now.format("%Y-%m-%d %H:%M:%S%.3f+0000").to_string()
}

fn qemu(now: &DateTime<Utc>) -> String {
    now.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// Forgets the peak of this process's memory so far (proc(5), clear_refs).
fn reset_peak() -> anyhow::Result<()> {
    fs::write("/proc/self/clear_refs", "5").context("cannot reset the peak of memory")
}

/// The peak of this process's memory since, in KiB.
fn peak() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
