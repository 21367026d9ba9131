//! The eBPF programs: loading them into the kernel and attaching them.

use std::fs::File;
use std::os::fd::AsRawFd;

use aya::maps::{Array, HashMap, MapData, RingBuf};
use aya::programs::uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeLink, UProbeLinkId, UProbeScope};
use aya::programs::{ProgramError, TracePoint, UProbe};
use aya::{Ebpf, EbpfLoader};
use softoff_abi::{Cookie, ProcessImage};
use softoff_journal::record::MissingSentinel;

use crate::TracerError;
use crate::binary::{Image, Site};
use crate::block::{FUNCTIONS, Place};
use crate::disks::Disks;
use crate::kernel::Offsets;
use crate::sentinel::{Program, Sentinel};
use crate::sink::chain;
use crate::tracefs::Tracefs;

/// The object that the build script compiled.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/softoff-probes"));

/// Signals that end a process, and nothing else: QEMU kicks its vCPUs with SIGUSR1 all the time.
/// HUP, INT, QUIT, ILL, TRAP, ABRT, BUS, FPE, KILL, SEGV, TERM, XCPU, XFSZ, SYS.
const SIGNALS: [u32; 14] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 15, 24, 25, 31];

/// A tracepoint, the program for it and what cannot be told without it.
struct KernelSentinel {
    program: &'static str,
    category: &'static str,
    event: &'static str,
    without: &'static str,
}

const KERNEL_SENTINELS: [KernelSentinel; 5] = [
    KernelSentinel {
        program: "exec",
        category: "sched",
        event: "sched_process_exec",
        without: "VMs that start later are noticed only when libvirt writes their pid file, and a libvirt that \
            starts later only where its library is watched already",
    },
    KernelSentinel {
        program: "exit",
        category: "sched",
        event: "sched_process_exit",
        without: "when and how QEMU ended cannot be told",
    },
    KernelSentinel {
        program: "signal",
        category: "signal",
        event: "signal_generate",
        without: "who sent a signal to QEMU cannot be told",
    },
    KernelSentinel {
        program: "oom",
        category: "oom",
        event: "mark_victim",
        without: "a QEMU that the kernel killed for want of memory looks killed by somebody",
    },
    KernelSentinel {
        program: KVM_PIO,
        category: "kvm",
        event: "kvm_pio",
        without: "guests of a QEMU without symbols are seen only by signals and exit",
    },
];

const KVM_PIO: &str = "kvm_pio";

/// Fields of tracepoints: the programs' variable, then where the field is.
const FIELDS: [(&str, &str, &str, &str); 7] = [
    ("SIGNAL_NUMBER", "signal", "signal_generate", "sig"),
    ("SIGNAL_TARGET", "signal", "signal_generate", "pid"),
    ("OOM_VICTIM", "oom", "mark_victim", "pid"),
    ("PIO_WRITE", "kvm", "kvm_pio", "rw"),
    ("PIO_PORT", "kvm", "kvm_pio", "port"),
    ("PIO_SIZE", "kvm", "kvm_pio", "size"),
    ("PIO_VALUE", "kvm", "kvm_pio", "val"),
];

/// [`ProcessImage`] as aya moves it.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Entry(pub ProcessImage);

// SAFETY: `ProcessImage` is `repr(C)` of 64-bit integers only: no padding, every pattern valid.
unsafe impl aya::Pod for Entry {}

/// One attach point.
struct Link {
    binary: u16,
    program: &'static str,
    id: UProbeLinkId,
}

/// The programs in the kernel, and what they share with the tracer.
pub struct Programs {
    ebpf: Ebpf,
    links: Vec<Link>,
    /// `kvm:kvm_pio` is attached.
    pub kvm: bool,
    /// Sentinels of the kernel that are not attached.
    pub missing: Vec<MissingSentinel>,
    /// Events.
    pub events: RingBuf<MapData>,
    /// Processes that are watched, by pid.
    pub processes: HashMap<MapData, u32, Entry>,
    /// What was not sent.
    pub lost: Array<MapData, u64>,
    /// Block requests, while windows are open.
    pub disks: Disks,
}

impl Programs {
    /// Loads the programs and attaches those of the kernel.
    pub fn load(tracefs: &Tracefs) -> Result<Self, TracerError> {
        let mut missing = Vec::new();
        let offsets = Offsets::from_running_kernel().unwrap_or_else(|why| {
            missing.push(without_types(&why));
            Offsets::UNKNOWN
        });
        let mut ebpf = load_object(tracefs, offsets)?;
        let sentinels =
            ["call", "pm1", "port", "vm_stop_entry", "vm_stop_return", "libvirt_call", "libvirt_return"];
        for program in sentinels.into_iter().chain(FUNCTIONS.map(|(_, program)| program)) {
            let loaded = uprobe(&mut ebpf, program).and_then(UProbe::load);
            loaded.map_err(|error| refused(format!("the program {program}"), error))?;
        }
        let failed: Vec<_> = KERNEL_SENTINELS
            .iter()
            .filter_map(|sentinel| attach_tracepoint(&mut ebpf, sentinel).err().map(|why| (sentinel, why)))
            .collect();
        missing.extend(failed.iter().map(|(sentinel, why)| not_in_kernel(sentinel, why)));
        Ok(Self {
            events: map(&mut ebpf, "EVENTS", RingBuf::try_from)?,
            processes: map(&mut ebpf, "PROCESSES", HashMap::try_from)?,
            lost: map(&mut ebpf, "LOST", Array::try_from)?,
            disks: Disks {
                windows: map(&mut ebpf, "WINDOWS", HashMap::try_from)?,
                counters: map(&mut ebpf, "DISKS", HashMap::try_from)?,
                requests: map(&mut ebpf, "REQUESTS", HashMap::try_from)?,
            },
            kvm: failed.iter().all(|(sentinel, _)| sentinel.program != KVM_PIO),
            links: Vec::new(),
            missing,
            ebpf,
        })
    }

    /// Attaches to all sentinels of a file, for all processes that run it now or later.
    /// Gives those that failed, with the reason.
    pub fn attach(&mut self, file: &File, image: &Image, binary: u16) -> Vec<(&'static Sentinel, String)> {
        // By descriptor: the process may be gone by now, or its file replaced.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let mut failed = Vec::new();
        for site in &image.sites {
            if let Err(error) = self.attach_site(&path, image, site, binary) {
                failed.push((site.sentinel, chain(&error)));
            }
        }
        failed
    }

    /// Attaches to an executable's accounting of block requests, wholly or not at all.
    pub fn attach_accounting(&mut self, file: &File, places: &[Place; 3], binary: u16) -> Result<(), String> {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let cookie = Cookie { kind: 0, binary, call: 0, status_offset: 0, enable_offset: 0 };
        for ((_, program), place) in FUNCTIONS.iter().zip(places) {
            if let Err(error) = self.attach_at(&path, program, place.offset, cookie) {
                self.detach_accounting(binary);
                return Err(chain(&error));
            }
        }
        Ok(())
    }

    /// Detaches from a file, in the background: the kernel takes some 110 ms for each attach
    /// point.
    pub fn detach(&mut self, binary: u16) {
        self.detach_all(|link| link.binary == binary);
    }

    /// Detaches from an executable's accounting of block requests, in the background.
    pub fn detach_accounting(&mut self, binary: u16) {
        let counts = |link: &Link| FUNCTIONS.iter().any(|(_, program)| *program == link.program);
        self.detach_all(|link| link.binary == binary && counts(link));
    }

    fn detach_all(&mut self, goes: impl Fn(&Link) -> bool) {
        let (gone, kept) = self.links.drain(..).partition(goes);
        self.links = kept;
        let take = |Link { program, id, .. }| uprobe(&mut self.ebpf, program).ok()?.take_link(id).ok();
        let links: Vec<UProbeLink> = Vec::into_iter(gone).filter_map(take).collect();
        std::thread::spawn(move || drop(links));
    }

    fn attach_site(
        &mut self,
        path: &str,
        image: &Image,
        site: &Site,
        binary: u16,
    ) -> Result<(), ProgramError> {
        let cookie = Cookie {
            kind: site.sentinel.kind as u8,
            binary,
            status_offset: image.pm1.map_or(0, |pm1| pm1.status),
            enable_offset: image.pm1.map_or(0, |pm1| pm1.enable),
            call: match site.sentinel.program {
                Program::Domain(call) => call as u8,
                _ => 0,
            },
        };
        let programs: &[&'static str] = match site.sentinel.program {
            Program::Call => &["call"],
            Program::Pm1 => &["pm1"],
            // The return first: an entry without it would wait for an end that was not watched.
            Program::Duration => &["vm_stop_return", "vm_stop_entry"],
            Program::Port => &["port"],
            Program::Domain(_) => &["libvirt_return", "libvirt_call"],
        };
        for program in programs {
            self.attach_at(path, program, site.offset, cookie)?;
        }
        Ok(())
    }

    fn attach_at(
        &mut self,
        path: &str,
        program: &'static str,
        offset: u64,
        cookie: Cookie,
    ) -> Result<(), ProgramError> {
        let point = UProbeAttachPoint {
            location: UProbeAttachLocation::AbsoluteOffset(offset),
            cookie: Some(cookie.pack()),
        };
        let id = uprobe(&mut self.ebpf, program)?.attach(point, path, UProbeScope::AllProcesses)?;
        self.links.push(Link { binary: cookie.binary, program, id });
        Ok(())
    }
}

fn load_object(tracefs: &Tracefs, offsets: Offsets) -> Result<Ebpf, TracerError> {
    let fields = FIELDS.map(|(name, category, event, field)| {
        (name, tracefs.field_offset(category, event, field).unwrap_or(0))
    });
    let kernel = [
        ("TASK_GROUP_LEADER", offsets.group_leader),
        ("TASK_START_BOOTTIME", offsets.start_boottime),
        ("TASK_COMM", offsets.comm),
        ("TASK_EXIT_CODE", offsets.exit_code),
        ("TASK_SIGNAL", offsets.signal),
        ("SIGNAL_LIVE", offsets.live),
    ];
    let signals = SIGNALS.iter().fold(0_u64, |mask, signal| mask | 1 << signal);
    let mut loader = EbpfLoader::new();
    for (name, offset) in fields.iter().chain(&kernel) {
        loader.override_global(name, offset, true);
    }
    loader
        .override_global("SIGNAL_MASK", &signals, true)
        .load(OBJECT)
        .map_err(|error| refused("the eBPF object".to_owned(), error))
}

fn attach_tracepoint(ebpf: &mut Ebpf, sentinel: &KernelSentinel) -> Result<(), String> {
    let mut attach = || {
        let program: &mut TracePoint = program(ebpf, sentinel.program)?.try_into()?;
        program.load()?;
        program.attach(sentinel.category, sentinel.event)
    };
    attach().map(drop).map_err(|error: ProgramError| chain(&error))
}

fn uprobe<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut UProbe, ProgramError> {
    program(ebpf, name)?.try_into()
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut aya::programs::Program, ProgramError> {
    ebpf.program_mut(name).ok_or(ProgramError::NotLoaded)
}

fn map<T, E>(ebpf: &mut Ebpf, name: &str, typed: fn(aya::maps::Map) -> Result<T, E>) -> Result<T, TracerError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let what = || format!("the map {name}");
    let found = ebpf.take_map(name).ok_or(ProgramError::NotLoaded).map_err(|error| refused(what(), error))?;
    typed(found).map_err(|error| refused(what(), error))
}

fn refused(what: String, error: impl std::error::Error + Send + Sync + 'static) -> TracerError {
    TracerError::Refused { what, source: Box::new(error) }
}

fn without_types(why: &str) -> MissingSentinel {
    MissingSentinel {
        name: "kernel type information (BTF)".to_owned(),
        consequence: format!(
            "{why}: a QEMU's exit status cannot be told, its end is that of its main thread, and libvirt's \
             daemon cannot be told from its clients, so that what it was asked for is not seen"
        ),
    }
}

fn not_in_kernel(sentinel: &KernelSentinel, why: &str) -> MissingSentinel {
    MissingSentinel {
        name: format!("{}:{}", sentinel.category, sentinel.event),
        consequence: format!("{}: {}", why, sentinel.without),
    }
}
