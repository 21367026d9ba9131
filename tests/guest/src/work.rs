//! Work: disk accesses and computing, at a pace that is kept up for a time.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use softoff_guest::{Load, MARK};

use crate::disk::{Disk, MAX_ACCESS};

/// What is done over and over.
pub struct Pace {
    /// Bytes to read from the disk.
    read: usize,
    /// Bytes to write to it.
    write: usize,
    /// How many times until a flush.
    flush_every: u32,
    /// How long to compute.
    compute: Duration,
    /// How long to do nothing.
    rest: Duration,
}

/// Services that end one after the other.
pub const ENDING_SERVICES: Pace = Pace {
    read: 0,
    write: 64 << 10,
    flush_every: 3,
    compute: Duration::from_millis(5),
    rest: Duration::from_millis(95),
};

/// Services that are waited for.
pub const WAITING: Pace =
    Pace { read: 0, write: 4 << 10, flush_every: 4, compute: Duration::ZERO, rest: Duration::from_secs(1) };

/// The installation of updates, or the writing of a memory image.
pub const UPDATING: Pace = Pace {
    read: 0,
    write: MAX_ACCESS,
    flush_every: 4,
    compute: Duration::from_millis(150),
    rest: Duration::ZERO,
};

/// A first boot that unpacks and configures.
pub const SETTING_UP: Pace = Pace { read: MAX_ACCESS, ..UPDATING };

/// [`Load::Disk`].
const LOAD: Pace = Pace {
    read: 0,
    write: 16 << 10,
    flush_every: 4,
    compute: Duration::ZERO,
    rest: Duration::from_millis(50),
};

impl Pace {
    /// Keeps it up for a time, and tells `progress` how much of that is over, from 0 to 1.
    pub fn keep(
        &self,
        disk: &mut Option<Disk>,
        time: Duration,
        mut progress: impl FnMut(f64) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let start = Instant::now();
        for step in 1u32.. {
            let Some(left) = time.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) else { break };
            progress(1.0 - left.div_duration_f64(time))?;
            if let Some(disk) = disk {
                self.access(disk, step)?;
            }
            compute(self.compute.min(left));
            thread::sleep(self.rest.min(time.saturating_sub(start.elapsed())));
        }
        progress(1.0)
    }

    fn access(&self, disk: &mut Disk, step: u32) -> anyhow::Result<()> {
        if self.read > 0 {
            disk.read(self.read)?;
        }
        disk.write(self.write)?;
        if step.is_multiple_of(self.flush_every) {
            disk.flush()?;
        }
        Ok(())
    }
}

/// Keeps the CPU busy for a time.
fn compute(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        black_box((0..10_000u64).fold(0, |sum, number| sum ^ number.wrapping_mul(number)));
    }
}

/// Starts the plan's load, which never ends.
pub fn start_load(load: Load) -> anyhow::Result<()> {
    match load {
        Load::Idle | Load::Unflushed => Ok(()),
        Load::Cpu => spawn("load", || compute(Duration::MAX)),
        Load::Disk => {
            let mut disk = Disk::open()?;
            spawn("load", move || {
                if let Err(error) = LOAD.keep(&mut disk, Duration::MAX, |_| Ok(())) {
                    println!("{MARK}failed: {error:#}");
                }
            })
        }
    }
}

/// Starts a thread that nobody waits for.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned.with_context(|| format!("cannot start the thread {name:?}")).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_kept_up_for_its_time_and_tells_how_far_it_is() {
        let time = Duration::from_millis(350);
        let mut told = Vec::new();
        let start = Instant::now();
        let tell = |part| {
            told.push(part);
            Ok(())
        };
        ENDING_SERVICES.keep(&mut None, time, tell).unwrap();
        assert!(start.elapsed() >= time);
        assert!(told.is_sorted(), "{told:?}");
        assert!(told[0] < 0.1, "{told:?}");
        assert_eq!(told.last(), Some(&1.0));
    }

    #[test]
    fn no_time_is_no_work() {
        let mut told = Vec::new();
        let tell = |part| {
            told.push(part);
            Ok(())
        };
        UPDATING.keep(&mut None, Duration::ZERO, tell).unwrap();
        assert_eq!(told, [1.0]);
    }
}
