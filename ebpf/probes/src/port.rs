//! `qapi_event_send_vserport_change(const char *id, bool open)`: a guest opens or closes a
//! virtio-serial port.

use aya_ebpf::helpers::bpf_probe_read_user_str_bytes;
use aya_ebpf::macros::uprobe;
use aya_ebpf::programs::ProbeContext;
use softoff_abi::PORT_ID_LEN;

use crate::cookie;
use crate::emit::{self, Payload, emit};

#[uprobe]
pub fn port(ctx: ProbeContext) -> u32 {
    let _ = port_changes(&ctx);
    0
}

fn port_changes(ctx: &ProbeContext) -> Option<()> {
    let cookie = cookie(ctx);
    let (thread, process) = emit::hit(cookie.binary)?;
    let open = u8::from(ctx.arg::<u64>(1)? & 0xff != 0);
    // The helper ends what it reads with a zero.
    let mut id = [0; PORT_ID_LEN + 1];
    // SAFETY: the helper checks the address itself and fails where nothing is mapped.
    unsafe { bpf_probe_read_user_str_bytes(ctx.arg::<*const u8>(0)?, &mut id) }.ok()?;
    let word = |at: usize| u64::from_ne_bytes(core::array::from_fn(|byte| id[at + byte]));
    emit(&thread, process, cookie.kind, Payload { args: [word(0), word(8)], detail: open, flags: 0 });
    Some(())
}
