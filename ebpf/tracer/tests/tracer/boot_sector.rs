//! Guests of a few instructions, in 16-bit real mode: they run under TCG and under any KVM.

/// A boot sector: code, then the signature.
pub type BootSector = &'static [u8];

/// Does nothing: `sti; hlt` for ever.
pub const IDLE: BootSector = &[0xfb, 0xf4, 0xeb, 0xfc];

/// Enables the power button, waits for it, acknowledges it and powers off.
pub const POWER_OFF_WHEN_PRESSED: BootSector = &[
    0xba, 0x02, 0x06, // mov dx, 0x602     PM1_EN
    0xb8, 0x00, 0x01, // mov ax, 0x100     PWRBTN_EN
    0xef, //             out dx, ax
    0xba, 0x00, 0x06, // mov dx, 0x600     PM1_STS
    0xed, //       wait: in ax, dx
    0xf6, 0xc4, 0x01, // test ah, 1        PWRBTN_STS
    0x74, 0xfa, //       jz wait
    0xb8, 0x00, 0x01, // mov ax, 0x100
    0xef, //             out dx, ax        written to clear
    0xba, 0x04, 0x06, // mov dx, 0x604     PM1_CNT
    0xb8, 0x00, 0x20, // mov ax, 0x2000    SLP_EN, SLP_TYP 0: S5
    0xef, //             out dx, ax
    0xf4, 0xeb, 0xfd, // hlt for ever
];

/// Enables and disables the power button as fast as it can.
pub const FLOOD: BootSector = &[
    0xba, 0x02, 0x06, // mov dx, 0x602     PM1_EN
    0xb8, 0x00, 0x01, // loop: mov ax, 0x100
    0xef, //             out dx, ax
    0x31, 0xc0, //       xor ax, ax
    0xef, //             out dx, ax
    0xeb, 0xf7, //       jmp loop
];

/// Reads a sector from the first disk through the BIOS, again and again.
pub const READ: BootSector = &[
    0x31, 0xc0, //       xor ax, ax
    0x8e, 0xc0, //       mov es, ax
    0xb8, 0x01, 0x02, // loop: mov ax, 0x201   read one sector
    0xb9, 0x02, 0x00, // mov cx, 2         cylinder 0, sector 2
    0xba, 0x80, 0x00, // mov dx, 0x80      head 0, first disk
    0xbb, 0x00, 0x80, // mov bx, 0x8000    to es:bx
    0xcd, 0x13, //       int 0x13
    0xeb, 0xf0, //       jmp loop
];

/// Writes a sector to the first disk through the BIOS, again and again.
pub const WRITE: BootSector = &[
    0x31, 0xc0, //       xor ax, ax
    0x8e, 0xc0, //       mov es, ax
    0xb8, 0x01, 0x03, // loop: mov ax, 0x301   write one sector
    0xb9, 0x02, 0x00, // mov cx, 2         cylinder 0, sector 2
    0xba, 0x80, 0x00, // mov dx, 0x80      head 0, first disk
    0xbb, 0x00, 0x80, // mov bx, 0x8000    from es:bx
    0xcd, 0x13, //       int 0x13
    0xeb, 0xf0, //       jmp loop
];

/// A disk that begins with the sector. AHCI reads none that is smaller than a track.
pub fn disk(code: BootSector) -> Vec<u8> {
    let mut disk = vec![0; 1 << 20];
    disk[..code.len()].copy_from_slice(code);
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    disk
}
