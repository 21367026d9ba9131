//! What importing a large event log costs, beside the parser's own dump of it: the same file, in the
//! same run, one after the other.
//!
//! The log is made of a sample's chunks, again and again; SOFTOFF_EVTX_SAMPLES names the directory of
//! the samples, SOFTOFF_EVTX_MIB how large the log is to be (256 where it does not say).

use std::fs::File;
use std::io::{BufWriter, Write, sink};
use std::path::{Path, PathBuf};
use std::time::Instant;

use evtx::{EvtxParser, ParserSettings};
use softoff_import::evtx::{Target, import};
use tempfile::TempDir;

const HEADER: usize = 4096;
const CHUNK: usize = 65536;
const ROUNDS: usize = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(sample) = sample() else {
        println!("skipped: no sample event logs in ../shared/evtx; SOFTOFF_EVTX_SAMPLES names another place");
        return Ok(());
    };
    let megabytes = std::env::var("SOFTOFF_EVTX_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(256);
    let dir = TempDir::new()?;
    let log = dir.path().join("large.evtx");
    let chunks = enlarge(&sample, &log, megabytes)?;
    println!("event log of {megabytes} MiB ({chunks} chunks), {ROUNDS} rounds, seconds");
    println!("{:>8} {:>12} {:>12} {:>8} {:>16}", "round", "evtx dump", "import", "ratio", "peak memory MiB");
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        // The import first: what it needs at most must not hide behind the dump's.
        let imported = timed(|| imported(&log, dir.path()))?;
        let peak = peak_mib();
        let dumped = timed(|| dump(&log))?;
        println!("{round:>8} {dumped:>12.2} {imported:>12.2} {:>8.2} {peak:>16}", imported / dumped);
        ratios.push(imported / dumped);
    }
    ratios.sort_by(f64::total_cmp);
    println!("import / dump: {:.2} (median of {ROUNDS} rounds; the aim is 2 at most)", ratios[ROUNDS / 2]);
    Ok(())
}

fn timed(
    work: impl FnOnce() -> Result<u64, Box<dyn std::error::Error>>,
) -> Result<f64, Box<dyn std::error::Error>> {
    let began = Instant::now();
    let records = work()?;
    let took = began.elapsed().as_secs_f64();
    if records == 0 {
        return Err("no record was read: this measures nothing".into());
    }
    Ok(took)
}

/// All records as JSON, as the parser's own program prints them, on one thread.
fn dump(log: &Path) -> Result<u64, Box<dyn std::error::Error>> {
    let settings = ParserSettings::default().indent(false);
    let mut parser = EvtxParser::from_path(log)?.with_configuration(settings);
    let mut out = sink();
    let mut records = 0;
    for record in parser.records_json() {
        out.write_all(record?.data.as_bytes())?;
        records += 1;
    }
    Ok(records)
}

fn imported(log: &Path, dir: &Path) -> Result<u64, Box<dyn std::error::Error>> {
    let journal = dir.join("journal");
    let target = Target { journal: &journal, version: "bench", host: "bench", domain: Some("bench") };
    Ok(import(log, &target)?.found.records)
}

/// The sample's chunks until it is large enough: each is whole in itself, so none has to be changed.
fn enlarge(sample: &Path, log: &Path, megabytes: usize) -> Result<usize, Box<dyn std::error::Error>> {
    let bytes = std::fs::read(sample)?;
    let (header, body) = bytes.split_at(HEADER);
    let whole: Vec<&[u8]> =
        body.chunks_exact(CHUNK).filter(|chunk| chunk.starts_with(b"ElfChnk\0")).collect();
    let wanted = megabytes * (1 << 20) / CHUNK;
    let mut file = BufWriter::new(File::create(log)?);
    file.write_all(header)?;
    for chunk in whole.iter().cycle().take(wanted) {
        file.write_all(chunk)?;
    }
    file.flush()?;
    Ok(wanted)
}

/// The largest of the samples.
fn sample() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("SOFTOFF_EVTX_SAMPLES").map(PathBuf::from);
    let beside = ["../../shared/evtx", "../../../shared/evtx"].map(|dir| root.join(dir));
    let dir = named.into_iter().chain(beside).find(|dir| dir.is_dir())?;
    let files = dir.read_dir().ok()?.flatten().map(|entry| entry.path());
    let logs = files.filter(|path| path.extension().is_some_and(|extension| extension == "evtx"));
    logs.max_by_key(|path| path.metadata().map_or(0, |data| data.len()))
}

/// The most memory that this process ever held, by the kernel's count.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: Option<u64> =
        peak.and_then(|text| text.split_whitespace().next()).and_then(|text| text.parse().ok());
    kib.unwrap_or(0) / 1024
}
