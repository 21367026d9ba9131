//! Guests for what Linux cannot play: real-mode programs of one boot sector, which the firmware loads
//! from a disk.
//!
//! ```text
//! 0x7c00  arm the power button (all but the boot loader), say on COM1 that it is ready, the end
//! 0x7d00  what is said
//! 0x7d80  zeros: an empty interrupt table's descriptor
//! 0x7dfe  the signature
//! ```

use softoff_guest::MARK;

use crate::spec::Machine;

/// Where in the sector the text is, as [`SAY_READY`] has it.
const TEXT: usize = 0x100;

/// AHCI reads no disk that is smaller than a track.
const DISK_SIZE: usize = 1 << 20;

/// A guest of a few instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootSector {
    /// Hangs with its CPU busy: the button is armed, and interrupts are off for good.
    Spin,
    /// Hangs with its CPU halted, as [`Self::Spin`] does.
    Halt,
    /// Crashes about a second after it has armed the button, and starts again.
    TripleFault,
    /// Waits with its CPU halted and interrupts on, and has never enabled ACPI.
    BootLoader,
}

impl BootSector {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Spin, Self::Halt, Self::TripleFault, Self::BootLoader];

    /// The line it prints on COM1 when it is as it will be.
    pub fn ready_line() -> String {
        format!("{MARK}ready")
    }

    /// A raw disk that begins with it.
    pub fn image(self, machine: Machine) -> Vec<u8> {
        let mut image = self.code(machine);
        image.resize(TEXT, 0);
        image.extend(Self::ready_line().bytes());
        image.extend(b"\n\0");
        image.resize(DISK_SIZE, 0);
        image[510..512].copy_from_slice(&[0x55, 0xaa]);
        image
    }

    fn code(self, machine: Machine) -> Vec<u8> {
        let end = match self {
            Self::Spin => SPIN,
            Self::Halt => HALT,
            Self::TripleFault => TRIPLE_FAULT,
            Self::BootLoader => WAIT,
        };
        match self {
            Self::BootLoader => [SAY_READY, end].concat(),
            _ => [&enable_acpi(machine), ARM_BUTTON, SAY_READY, end].concat(),
        }
    }
}

/// Turns ACPI mode on, as an operating system does with what the FADT tells it.
fn enable_acpi(machine: Machine) -> [u8; 4] {
    let acpi_enable = match machine {
        Machine::Q35 => 0x02,
        Machine::Pc => 0xf1,
    };
    [
        0xb0,
        acpi_enable, //  mov al, ACPI_ENABLE
        0xe6,
        0xb2, //         out 0xb2, al      SMI_CMD
    ]
}

const ARM_BUTTON: &[u8] = &[
    0xba, 0x02, 0x06, // mov dx, 0x602     PM1_EN
    0xed, //             in ax, dx
    0x80, 0xcc, 0x01, // or ah, 1          PWRBTN_EN
    0xef, //             out dx, ax
];

const SAY_READY: &[u8] = &[
    0x31, 0xc0, //       xor ax, ax
    0x8e, 0xd8, //       mov ds, ax
    0xbe, 0x00, 0x7d, // mov si, 0x7d00    TEXT
    0xba, 0xfd, 0x03, // next: mov dx, 0x3fd  the line status of COM1
    0xec, //             wait: in al, dx
    0xa8, 0x20, //       test al, 0x20     room for a character
    0x74, 0xfb, //       jz wait
    0xac, //             lodsb
    0x84, 0xc0, //       test al, al
    0x74, 0x05, //       jz said
    0xb2, 0xf8, //       mov dl, 0xf8      0x3f8, COM1
    0xee, //             out dx, al
    0xeb, 0xee, //       jmp next
          //                   said:
];

const SPIN: &[u8] = &[
    0xfa, //             cli
    0xeb, 0xfe, //       jmp here
];

const HALT: &[u8] = &[
    0xfa, //             cli
    0xf4, //             halt: hlt
    0xeb, 0xfd, //       jmp halt          after an NMI
];

const WAIT: &[u8] = &[
    0xfb, //             sti
    0xf4, //             wait: hlt
    0xeb, 0xfd, //       jmp wait
];

const TRIPLE_FAULT: &[u8] = &[
    0xfb, //                         sti
    0x8b, 0x1e, 0x6c, 0x04, //       mov bx, [0x46c]  the BIOS's clock, 18.2 ticks a second
    0xf4, //                         wait: hlt
    0xa1, 0x6c, 0x04, //             mov ax, [0x46c]
    0x29, 0xd8, //                   sub ax, bx
    0x3d, 0x14, 0x00, //             cmp ax, 20
    0x72, 0xf5, //                   jb wait
    0x0f, 0x01, 0x1e, 0x80, 0x7d, // lidt [0x7d80]    an empty table
    0xcc, //                         int3
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Where in the sector the descriptor for [`TRIPLE_FAULT`] is; the text ends before.
    const NO_TABLE: usize = 0x180;

    #[test]
    fn every_image_is_a_disk_with_a_boot_sector() {
        for sector in BootSector::ALL {
            for machine in [Machine::Q35, Machine::Pc] {
                let image = sector.image(machine);
                assert!(image.starts_with(&sector.code(machine)), "{sector:?} reaches into its text");
                assert_eq!(image.len(), DISK_SIZE);
                assert_eq!(image[510..512], [0x55, 0xaa]);
                assert!(image[TEXT..].starts_with(b"softoff-guest: ready\n\0"));
                assert_eq!(image[NO_TABLE..NO_TABLE + 6], [0; 6]);
            }
        }
    }

    #[test]
    fn only_the_boot_loader_leaves_the_button_alone() {
        for sector in BootSector::ALL {
            let code = sector.code(Machine::Pc);
            let arms = code.windows(ARM_BUTTON.len()).any(|part| part == ARM_BUTTON);
            assert_eq!(arms, sector != BootSector::BootLoader, "{sector:?}");
        }
    }

    #[test]
    fn each_machine_has_its_own_way_into_acpi_mode() {
        assert_ne!(BootSector::Spin.image(Machine::Q35), BootSector::Spin.image(Machine::Pc));
    }
}
