//! ACPI S4 as the firmware sees it. A kernel would write its memory to a swap area first, which the
//! guest has not; the last step is the same: the sleep type and the sleep bit into PM1_CNT.

use std::arch::asm;
use std::fs;
use std::io;

use anyhow::Context;

/// The firmware's description of ACPI's fixed hardware.
const FADT: &str = "/sys/firmware/acpi/tables/FACP";

/// Where the FADT has the 32-bit port number of PM1a_CNT.
const PM1A_CNT_BLK: usize = 64;

/// SLP_EN, SLP_TYP 2 (S4 in QEMU's `\_S4`), and SCI_EN, which stays as it is.
const ENTER_S4: u16 = 0x2000 | 2 << 10 | 1;

/// Enters S4, which takes the power away.
pub fn enter() -> anyhow::Result<()> {
    let fadt = fs::read(FADT).with_context(|| format!("cannot read {FADT}"))?;
    let port = control_port(&fadt).with_context(|| format!("{FADT} names no PM1a_CNT"))?;
    // SAFETY: ioperm takes numbers only.
    let allowed = unsafe { libc::ioperm(port.into(), 2, 1) };
    if allowed != 0 {
        return Err(io::Error::last_os_error()).with_context(|| format!("cannot use the port {port:#x}"));
    }
    // SAFETY: the port is allowed to this thread, and the write changes no memory of this program.
    unsafe { asm!("out dx, ax", in("dx") port, in("ax") ENTER_S4, options(nomem, nostack, preserves_flags)) };
    Ok(())
}

fn control_port(fadt: &[u8]) -> Option<u16> {
    let field = fadt.get(PM1A_CNT_BLK..)?.first_chunk()?;
    u16::try_from(u32::from_le_bytes(*field)).ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_where_the_fadt_has_it() {
        let mut fadt = vec![0xff; 116];
        fadt[64..68].copy_from_slice(&[0x04, 0x06, 0, 0]);
        assert_eq!(control_port(&fadt), Some(0x604));
        assert_eq!(control_port(&fadt[..66]), None, "a table cut short");
        assert_eq!(control_port(&[0; 116]), None, "a machine without the port");
    }
}
