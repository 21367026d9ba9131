//! The maps in which the probes count block requests.

use std::collections::HashMap;

use aya::maps::{self, MapData};
use softoff_abi::{DiskImage, InWindow, Request, WindowImage};

/// Insert into a BPF map only what is not there.
const BPF_NOEXIST: u64 = 1;

/// Sizes of the maps: see `ebpf/probes/src/block.rs`.
const DISKS: usize = 8192;
const REQUESTS: usize = 65536;

/// A value of `softoff-abi` as aya moves it.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Plain<T>(T);

// SAFETY: `repr(C)` of 64-bit integers only: no padding, every pattern valid.
unsafe impl aya::Pod for Plain<WindowImage> {}
// SAFETY: as above.
unsafe impl aya::Pod for Plain<DiskImage> {}
// SAFETY: as above.
unsafe impl aya::Pod for Plain<InWindow> {}
// SAFETY: as above.
unsafe impl aya::Pod for Plain<Request> {}

/// The maps.
pub struct Disks {
    /// Open windows by pid.
    pub windows: maps::HashMap<MapData, u32, Plain<WindowImage>>,
    /// Their disks.
    pub counters: maps::HashMap<MapData, Plain<InWindow>, Plain<DiskImage>>,
    /// Their requests in flight.
    pub requests: maps::HashMap<MapData, Plain<InWindow>, Plain<Request>>,
}

/// The disks of one window.
#[derive(Debug)]
pub struct Counted {
    pid: u32,
    number: u64,
    disks: HashMap<InWindow, DiskImage>,
}

impl Disks {
    /// Lets the probes count what `pid` does through the attached file `binary`; `None` where there is
    /// no room. `number` is of this window alone.
    pub fn open(&mut self, pid: u32, number: u64, binary: u16) -> Option<Counted> {
        let window = WindowImage { number, binary: binary.into(), disks: 0, uncounted: 0 };
        // An earlier process of this number may have left one behind.
        let _ = self.windows.remove(&pid);
        self.windows.insert(pid, Plain(window), BPF_NOEXIST).ok()?;
        Some(Counted { pid, number, disks: HashMap::new() })
    }

    /// The disks of a window as they are now.
    pub fn read(&self, counted: &mut Counted) -> Vec<DiskImage> {
        let entered = self.windows.get(&counted.pid, 0).map_or(0, |Plain(window)| window.disks);
        if entered > counted.disks.len() as u64 {
            let of_window = self.keys().filter(|key| key.window == counted.number);
            for key in of_window {
                counted.disks.entry(key).or_insert(DiskImage::NEW);
            }
        }
        for (key, disk) in &mut counted.disks {
            if let Ok(Plain(now)) = self.counters.get(&Plain(*key), 0) {
                *disk = now;
            }
        }
        counted.disks.values().copied().collect()
    }

    fn keys(&self) -> impl Iterator<Item = InWindow> {
        self.counters.keys().flatten().take(2 * DISKS).map(|Plain(key)| key)
    }

    /// Ends counting; gives how many requests found no room in a map.
    pub fn close(&mut self, counted: &Counted) -> u64 {
        let uncounted = self.windows.get(&counted.pid, 0).map_or(0, |Plain(window)| window.uncounted);
        let _ = self.windows.remove(&counted.pid);
        uncounted
    }

    /// Removes what belongs to no window any more. While the probes count for others the kernel's walk
    /// may begin anew at times, so it is bounded and what it misses is left for the next one.
    pub fn sweep(&mut self, is_open: impl Fn(u64) -> bool) {
        let gone = |key: &InWindow| !is_open(key.window);
        let disks: Vec<_> = self.keys().filter(gone).collect();
        for key in disks {
            let _ = self.counters.remove(&Plain(key));
        }
        let requests = self.requests.keys().flatten().take(2 * REQUESTS);
        let requests: Vec<_> = requests.filter(|Plain(key)| gone(key)).collect();
        for key in requests {
            let _ = self.requests.remove(&key);
        }
    }
}
