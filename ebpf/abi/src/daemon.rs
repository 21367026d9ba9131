//! libvirt's daemon, and what clients ask it for.

use crate::COMM_LEN;

/// Whether a process of this command name serves QEMU domains: the daemon for all drivers, or that
/// of QEMU alone. Clients run the same functions of the same library.
pub fn names_daemon(comm: &[u8; COMM_LEN]) -> bool {
    let Some((start, rest)) = comm.split_first_chunk() else { return false };
    let start = u64::from_ne_bytes(*start);
    (start == u64::from_ne_bytes(*b"libvirtd") && rest[0] == 0)
        || (start == u64::from_ne_bytes(*b"virtqemu") && rest[0] == b'd' && rest[1] == 0)
}

/// A function of `libvirt.so` that ends or restarts a domain. Each takes the domain first, and
/// second its flags, where it has any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DomainCall {
    /// `virDomainShutdown`.
    Shutdown,
    /// `virDomainShutdownFlags`.
    ShutdownFlags,
    /// `virDomainDestroy`.
    Destroy,
    /// `virDomainDestroyFlags`.
    DestroyFlags,
    /// `virDomainReboot`.
    Reboot,
    /// `virDomainReset`.
    Reset,
}

impl DomainCall {
    /// All calls, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Shutdown, Self::ShutdownFlags, Self::Destroy, Self::DestroyFlags, Self::Reboot, Self::Reset];

    /// The call with this number, if there is one.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether the call with this number has flags: what is in the register otherwise is left over.
    pub const fn takes_flags(number: u8) -> bool {
        number != Self::Shutdown as u8 && number != Self::Destroy as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &[u8]) -> bool {
        let mut comm = [0; COMM_LEN];
        comm[..name.len()].copy_from_slice(name);
        names_daemon(&comm)
    }

    #[test]
    fn only_the_daemons_that_run_qemu_are_daemons() {
        assert!(named(b"libvirtd") && named(b"virtqemud"));
        for other in ["virsh", "libvirtd2", "libvirt", "virtqemu", "virtqemudx", "virtproxyd", ""] {
            assert!(!named(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn every_call_is_found_by_its_number() {
        for (number, call) in DomainCall::ALL.into_iter().enumerate() {
            assert_eq!(call as usize, number);
            assert_eq!(DomainCall::from_number(call as u8), Some(call));
        }
        assert_eq!(DomainCall::from_number(6), None);
    }

    #[test]
    fn the_two_oldest_calls_have_no_flags() {
        let takes = DomainCall::ALL.map(|call| DomainCall::takes_flags(call as u8));
        assert_eq!(takes, [false, true, false, true, true, true]);
    }
}
