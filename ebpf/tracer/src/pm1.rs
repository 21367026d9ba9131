//! Where QEMU's `ACPIREGS` has the PM1 status and enable registers.
//!
//! The structure is not exported and its layout differs between builds, but one small exported
//! function begins with an access to each (`hw/acpi/core.c`):
//!
//! ```text
//! acpi_pm1_evt_power_down:
//!     [endbr64]
//!     testb  $0x1, en+1(%rdi)       f6 87 <en+1: 32 bits> 01        PWRBTN_EN set?
//!     je     …
//!     orw    $0x100, sts(%rdi)      66 81 8f <sts: 32 bits> 00 01   then set PWRBTN_STS
//! ```

/// How much of the function is looked at, in bytes.
pub const CODE_LEN: usize = 64;

/// Offsets of the PM1 event registers in `ACPIREGS`, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pm1Offsets {
    /// `PM1_STS`.
    pub status: u16,
    /// `PM1_EN`.
    pub enable: u16,
}

impl Pm1Offsets {
    /// Reads them out of the machine code of `acpi_pm1_evt_power_down`; `None` for code that is
    /// not what the module describes.
    pub fn from_code(code: &[u8]) -> Option<Self> {
        let code = code.strip_prefix(&[0xf3, 0x0f, 0x1e, 0xfa]).unwrap_or(code);
        let enable_high = displacement(code, &[0xf6, 0x87], &[0x01])?;
        let rest = code.get(7..)?;
        let status = (0..rest.len().min(16))
            .find_map(|at| displacement(&rest[at..], &[0x66, 0x81, 0x8f], &[0x00, 0x01]))?;
        let offsets = Self { status, enable: enable_high.checked_sub(1)? };
        // The registers are neighbours in the structure as on the bus.
        (offsets.status != 0 && offsets.status.checked_add(2) == Some(offsets.enable)).then_some(offsets)
    }
}

/// The 32-bit displacement of an instruction with this opcode and this immediate.
fn displacement(code: &[u8], opcode: &[u8], immediate: &[u8]) -> Option<u16> {
    let (bytes, rest) = code.strip_prefix(opcode)?.split_first_chunk::<4>()?;
    rest.starts_with(immediate).then(|| u16::try_from(u32::from_le_bytes(*bytes)).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As GCC 12 compiles it for Debian 12.
    const DEBIAN_12: [u8; 24] = [
        0xf6, 0x87, 0x63, 0x02, 0x00, 0x00, 0x01, 0x74, 0x17, 0x66, 0x81, 0x8f, 0x60, 0x02, 0x00, 0x00, 0x00,
        0x01, 0xff, 0xa7, 0x28, 0x01, 0x00, 0x00,
    ];

    #[test]
    fn the_offsets_are_read_out_of_the_function() {
        let expected = Some(Pm1Offsets { status: 0x260, enable: 0x262 });
        assert_eq!(Pm1Offsets::from_code(&DEBIAN_12), expected);
        let with_branch_protection = [&[0xf3, 0x0f, 0x1e, 0xfa], DEBIAN_12.as_slice()].concat();
        assert_eq!(Pm1Offsets::from_code(&with_branch_protection), expected);
    }

    #[test]
    fn other_code_gives_no_offsets() {
        assert_eq!(Pm1Offsets::from_code(&[]), None);
        assert_eq!(Pm1Offsets::from_code(&[0x90; CODE_LEN]), None);
        assert_eq!(Pm1Offsets::from_code(&DEBIAN_12[..12]), None, "cut short");
        let mut apart = DEBIAN_12;
        apart[12] = 0x40;
        assert_eq!(Pm1Offsets::from_code(&apart), None, "registers that are no neighbours");
        let mut huge = DEBIAN_12;
        huge[4] = 0x02;
        assert_eq!(Pm1Offsets::from_code(&huge), None, "an offset beyond any structure");
    }
}
