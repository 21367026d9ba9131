//! A process's identity as the kernel tells it in `/proc/PID/stat`: what hook and tracer put into a
//! [`ProcessId`](crate::record::ProcessId), so both must read it alike.

/// Nanoseconds in a tick of `/proc/PID/stat`: `USER_HZ` is 100 on every architecture with KVM.
pub const NANOS_PER_TICK: u64 = 10_000_000;

/// What softoff reads of `/proc/PID/stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Command name (field 2), at most 15 bytes, chosen by the process itself.
    pub comm: Vec<u8>,
    /// State (field 3), as its letter.
    pub state: u8,
    /// Start time in clock ticks since boot (field 22).
    pub start_ticks: u64,
}

impl Stat {
    /// Parses the line. The command name may hold spaces and parentheses: it ends at the last one.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let open = line.iter().position(|&byte| byte == b'(')?;
        let close = line.iter().rposition(|&byte| byte == b')')?;
        let comm = line.get(open + 1..close)?.to_vec();
        let mut fields = std::str::from_utf8(&line[close + 1..]).ok()?.split_ascii_whitespace();
        let state = *fields.next()?.as_bytes().first()?;
        // Field 4 is next.
        Some(Self { comm, state, start_ticks: fields.nth(22 - 4)?.parse().ok()? })
    }

    /// A zombie that nobody has waited for yet, or dead.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIELDS: &str = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21";

    fn stat(comm: &str, state: char) -> Option<Stat> {
        Stat::parse(format!("77 ({comm}) {state} {FIELDS}").as_bytes())
    }

    #[test]
    fn a_command_name_with_spaces_and_parentheses_does_not_move_the_fields() {
        for comm in ["qemu-system-x86", "a) S 1 (b", "a) b (c", ")", "(((", " "] {
            let expected = Stat { comm: comm.into(), state: b'S', start_ticks: 4711 };
            assert_eq!(stat(comm, 'S'), Some(expected));
        }
    }

    #[test]
    fn a_line_that_is_cut_says_nothing() {
        for line in ["", "7 (cut", "7 (cut)", "7 (cut) S 1 2 3"] {
            assert_eq!(Stat::parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_process_that_was_not_waited_for_has_ended() {
        assert!(stat("qemu", 'Z').expect("a line").has_ended());
        assert!(!stat("Z", 'S').expect("a line").has_ended());
    }

    proptest! {
        #[test]
        fn any_line_is_parsed_or_refused(line: Vec<u8>) {
            let _ = Stat::parse(&line);
        }
    }
}
