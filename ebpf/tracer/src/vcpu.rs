//! The vCPU threads of a QEMU process, and how long they ran and waited.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

/// The vCPU threads of a process, each with its `schedstat` open: a thread's number may be another's
/// later, an open file never.
#[derive(Debug, Default)]
pub struct Vcpus {
    threads: Vec<Thread>,
}

#[derive(Debug)]
struct Thread {
    tid: u32,
    schedstat: File,
    last: CpuTime,
}

/// What the scheduler gave threads since they began, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuTime {
    /// They ran.
    pub run_ns: u64,
    /// They wanted to run and waited.
    pub wait_ns: u64,
}

impl Vcpus {
    /// Finds those of a process. None are found where QEMU does not name its threads.
    pub fn find(pid: u32) -> Self {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok();
        let tids =
            tasks.into_iter().flatten().filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok());
        Self { threads: tids.filter_map(|tid| Thread::open(pid, tid)).collect() }
    }

    /// How many threads there are. TCG may run all vCPUs on one.
    pub fn count(&self) -> u32 {
        u32::try_from(self.threads.len()).unwrap_or(u32::MAX)
    }

    /// Their numbers.
    pub fn tids(&self) -> impl Iterator<Item = u32> {
        self.threads.iter().map(|thread| thread.tid)
    }

    /// What they have been given so far, all together. One that has ended keeps what it had.
    pub fn cpu_time(&mut self) -> CpuTime {
        let mut sum = CpuTime::default();
        for thread in &mut self.threads {
            thread.last = read(&thread.schedstat).unwrap_or(thread.last);
            sum.run_ns += thread.last.run_ns;
            sum.wait_ns += thread.last.wait_ns;
        }
        sum
    }
}

impl Thread {
    /// The thread, where it is a vCPU's and its times can be read.
    fn open(pid: u32, tid: u32) -> Option<Self> {
        let task = format!("/proc/{pid}/task/{tid}");
        if !names_vcpu(fs::read_to_string(format!("{task}/comm")).ok()?.trim_end()) {
            return None;
        }
        let schedstat = File::open(format!("{task}/schedstat")).ok()?;
        let last = read(&schedstat).ok()?;
        Some(Self { tid, schedstat, last })
    }
}

/// `CPU 3/KVM`, `CPU 3/TCG`, `ALL CPUs/TCG`: QEMU's names with `-name debug-threads=on`.
fn names_vcpu(comm: &str) -> bool {
    let of_one = || {
        let number = comm.strip_prefix("CPU ")?;
        let number = number.strip_suffix("/KVM").or_else(|| number.strip_suffix("/TCG"))?;
        number.parse::<u32>().ok()
    };
    comm == "ALL CPUs/TCG" || of_one().is_some()
}

fn read(schedstat: &File) -> io::Result<CpuTime> {
    let mut buffer = [0; 96];
    let length = schedstat.read_at(&mut buffer, 0)?;
    let text = std::str::from_utf8(&buffer[..length]).ok();
    text.and_then(parse).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// `RUN WAIT TIMESLICES` (Documentation/scheduler/sched-stats.rst). A thread that never ran is one of a
/// kernel that does not measure: it prints zeros.
fn parse(line: &str) -> Option<CpuTime> {
    let mut fields = line.split_ascii_whitespace().map(str::parse);
    let cpu_time = CpuTime { run_ns: fields.next()?.ok()?, wait_ns: fields.next()?.ok()? };
    (cpu_time.run_ns > 0).then_some(cpu_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vcpus_are_known_by_the_names_that_qemu_gives_them() {
        for name in ["CPU 0/KVM", "CPU 127/KVM", "CPU 0/TCG", "ALL CPUs/TCG"] {
            assert!(names_vcpu(name), "{name}");
        }
        for name in
            ["qemu-system-x86", "CPU /KVM", "CPU 0", "IO mon_iothread", "CPU 0/KVM worker", "worker", ""]
        {
            assert!(!names_vcpu(name), "{name}");
        }
    }

    #[test]
    fn a_kernel_that_does_not_measure_is_not_a_thread_that_never_ran() {
        assert_eq!(parse("0 0 0\n"), None);
        assert_eq!(parse("5 7 2\n"), Some(CpuTime { run_ns: 5, wait_ns: 7 }));
        for line in ["", "1", "1 x 2", "-1 2 3"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_process_that_names_no_vcpu_has_none() {
        // Another process: a thread of this one has a vCPU's name in the test below.
        let mut other = std::process::Command::new("sleep").arg("60").spawn().expect("a process");
        let mut none = Vcpus::find(other.id());
        assert_eq!((none.count(), none.cpu_time()), (0, CpuTime::default()));
        other.kill().and_then(|()| other.wait()).expect("it ends");
        assert_eq!(Vcpus::find(u32::MAX).count(), 0);
    }

    #[test]
    fn time_that_passes_in_a_thread_is_read() {
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        let work = move || {
            let own = fs::read_link("/proc/thread-self").expect("a link");
            let tid = own.file_name().and_then(|tid| tid.to_str()?.parse::<u32>().ok()).expect("a number");
            ready.send(tid).expect("the test waits");
            // By its own clock: on a busy machine time passes in which it does not run.
            let used = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            let begun = used();
            while (used() - begun).tv_nsec < 50_000_000 {}
            ready.send(0).expect("the test waits");
            let _ = is_done.recv();
        };
        let thread = std::thread::Builder::new().name("CPU 7/KVM".to_owned()).spawn(work).expect("a thread");
        let tid = is_ready.recv().expect("its number");
        let mut vcpus = Vcpus { threads: Vec::from_iter(Thread::open(std::process::id(), tid)) };
        let before = vcpus.cpu_time();
        is_ready.recv().expect("its work");
        assert!(vcpus.cpu_time().run_ns - before.run_ns > 5_000_000);
        drop(done);
        thread.join().expect("it ends");
        assert!(vcpus.cpu_time().run_ns > before.run_ns, "what it had it keeps");
    }
}
