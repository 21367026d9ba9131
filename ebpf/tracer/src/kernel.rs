//! What this kernel allows and where its structures have their fields.

use std::fs;

use btf_rs::{Backend, Btf, Member, Type};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use softoff_abi::UNKNOWN_OFFSET;

use crate::TracerError;

const BTF: &str = "/sys/kernel/btf/vmlinux";
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

/// Bits of `CapEff` (`include/uapi/linux/capability.h`).
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Fails in words where tracing cannot work at all.
pub fn check() -> Result<(), TracerError> {
    let lockdown = fs::read_to_string(LOCKDOWN).unwrap_or_default();
    if lockdown.contains("[confidentiality]") {
        return Err(TracerError::LockedDown);
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    match missing_capabilities(&status) {
        missing if missing.is_empty() => Ok(()),
        missing => Err(TracerError::NotPermitted { missing: missing.join(" and ") }),
    }
}

/// Lets this process have as many descriptors as it may: each attach point takes one.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where it fails the limit stays, and what cannot be attached says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

fn missing_capabilities(status: &str) -> Vec<&'static str> {
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    let has = |bit: u32| effective >> bit & 1 == 1;
    [(CAP_BPF, "CAP_BPF"), (CAP_PERFMON, "CAP_PERFMON")]
        .into_iter()
        .filter(|(bit, _)| !has(*bit) && !has(CAP_SYS_ADMIN))
        .map(|(_, name)| name)
        .collect()
}

/// Offsets in bytes of the fields that the programs read; [`UNKNOWN_OFFSET`] where they are not
/// known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offsets {
    /// `task_struct.group_leader`.
    pub group_leader: u32,
    /// `task_struct.start_boottime`, before Linux 5.5 `real_start_time`.
    pub start_boottime: u32,
    /// `task_struct.comm`.
    pub comm: u32,
    /// `task_struct.exit_code`.
    pub exit_code: u32,
    /// `task_struct.signal`.
    pub signal: u32,
    /// `signal_struct.live`.
    pub live: u32,
}

impl Offsets {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        group_leader: UNKNOWN_OFFSET,
        start_boottime: UNKNOWN_OFFSET,
        comm: UNKNOWN_OFFSET,
        exit_code: UNKNOWN_OFFSET,
        signal: UNKNOWN_OFFSET,
        live: UNKNOWN_OFFSET,
    };

    /// Looks them up in the kernel's type information; the error is a sentence for people.
    pub fn from_running_kernel() -> Result<Self, String> {
        // Linux 6.16 and later can map the file, which saves reading all of it into memory.
        let mapped = Btf::from_file_with_backend(BTF, Backend::Mmap);
        let btf = mapped
            .or_else(|_| Btf::from_file(BTF))
            .map_err(|error| format!("{BTF} cannot be read ({error})"))?;
        Self::from_btf(&btf).ok_or_else(|| format!("{BTF} lacks fields of task_struct"))
    }

    fn from_btf(btf: &Btf) -> Option<Self> {
        let task = |field| offset(btf, "task_struct", field);
        Some(Self {
            group_leader: task("group_leader")?,
            start_boottime: task("start_boottime").or_else(|| task("real_start_time"))?,
            comm: task("comm")?,
            exit_code: task("exit_code")?,
            signal: task("signal")?,
            live: offset(btf, "signal_struct", "live")?,
        })
    }
}

fn offset(btf: &Btf, structure: &str, field: &str) -> Option<u32> {
    btf.resolve_types_by_name(structure)
        .ok()?
        .into_iter()
        .find_map(|found| match found {
            Type::Struct(found) => member_bits(btf, &found.members, field),
            _ => None,
        })
        .map(|bits| bits / 8)
}

/// The offset of a member in bits; members of anonymous structs count as the outer's own.
fn member_bits(btf: &Btf, members: &[Member], field: &str) -> Option<u32> {
    members.iter().find_map(|member| match btf.resolve_name(member) {
        Ok(name) if name == field => Some(member.bit_offset()),
        Ok(name) if !name.is_empty() => None,
        _ => match btf.resolve_chained_type(member).ok()? {
            Type::Struct(inner) | Type::Union(inner) => {
                member_bits(btf, &inner.members, field).map(|bits| member.bit_offset() + bits)
            }
            _ => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_lacks_nothing_and_nobody_lacks_both() {
        assert!(missing_capabilities("CapEff:\t000001ffffffffff\n").is_empty());
        assert!(missing_capabilities("CapEff:\t000000c000000000\n").is_empty(), "just the two");
        assert!(missing_capabilities("CapEff:\t0000000000200000\n").is_empty(), "CAP_SYS_ADMIN");
        assert_eq!(missing_capabilities("CapEff:\t0000000000000000\n"), ["CAP_BPF", "CAP_PERFMON"]);
        assert_eq!(missing_capabilities("CapEff:\t0000004000000000\n"), ["CAP_BPF"]);
    }
}
