//! What libvirt is asked for: seen in its daemon, before QEMU hears of it and until libvirt answers.

use softoff_guest::{Plan, Role};
use softoff_journal::record::{LibvirtCall, Sign};
use softoff_journal::{Event, Reader};
use softoff_lab::{DomainSpec, Guest, Lab, Machine, Stage, wait};
use std::time::Duration;

use crate::stage;

/// Time for the recorder to write what it has seen, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// `VIR_DOMAIN_SHUTDOWN_GUEST_AGENT`.
const BY_AGENT: u32 = 2;

fn call(call: LibvirtCall, flags: u32) -> Sign {
    Sign::LibvirtCall { call, flags }
}

fn answer(call: LibvirtCall, failed: bool) -> Sign {
    Sign::LibvirtReturn { call, failed }
}

fn exit() -> Sign {
    Sign::Exit { status: Some(0), signal: None }
}

/// What was recorded of a QEMU process, once `last` is there.
fn signs(lab: &Lab, pid: u32, last: &Sign) -> Vec<Sign> {
    let mut signs = Vec::new();
    let of_it = |event| match event {
        Event::Probe(hit) if hit.process.pid == pid => Some(hit.sign),
        _ => None,
    };
    wait::until(&format!("{last:?} of process {pid}"), PATIENCE, || {
        let reader = Reader::open(&lab.layout().journal())?;
        signs = reader.flatten().filter_map(|entry| of_it(entry.record.event)).collect();
        Ok(signs.contains(last))
    })
    .unwrap_or_else(|error| panic!("{error:#}: {signs:?}"));
    signs
}

fn pid(guest: &Guest) -> u32 {
    guest.pid().unwrap().as_raw_nonzero().get().unsigned_abs()
}

/// Whether all of `told` are among `signs`, in this order.
fn in_order(signs: &[Sign], told: &[Sign]) -> bool {
    let mut signs = signs.iter();
    told.iter().all(|wanted| signs.any(|sign| sign == wanted))
}

fn of_libvirt(signs: &[Sign]) -> Vec<&Sign> {
    let is_its = |sign: &&Sign| matches!(sign, Sign::LibvirtCall { .. } | Sign::LibvirtReturn { .. });
    signs.iter().filter(is_its).collect()
}

#[test]
fn a_request_is_followed_from_libvirt_to_qemu_and_a_refusal_is_told() {
    if !stage::is_possible() {
        return;
    }
    let lab = &stage::shared().lab;
    let guest = lab.boot(&DomainSpec::new("asked", Machine::Q35, Plan::new(Role::Clean))).unwrap();
    guest.wait_until_ready().unwrap();
    let pid = pid(&guest);
    guest.domain().shutdown_flags(BY_AGENT).expect_err("it has no agent");
    guest.shutdown().unwrap();
    guest.wait_until_off().unwrap();
    let signs = signs(lab, pid, &exit());
    let told = [
        call(LibvirtCall::Shutdown, BY_AGENT),
        answer(LibvirtCall::Shutdown, true),
        call(LibvirtCall::Shutdown, 0),
        Sign::QmpSystemPowerdown,
        exit(),
    ];
    assert!(in_order(&signs, &told), "{signs:?}");
    assert!(in_order(&signs, &[told[2].clone(), answer(LibvirtCall::Shutdown, false)]), "{signs:?}");
    // This test is a client: it has called the same functions.
    assert_eq!(of_libvirt(&signs).len(), 4, "{signs:?}");
}

#[test]
fn a_libvirt_that_was_restarted_is_followed_until_it_has_destroyed() {
    if !stage::is_possible() {
        return;
    }
    // Not the shared stage: the restart would cut off the other tests.
    let lab = &Stage::open().unwrap().lab;
    let mut guest = lab.boot(&DomainSpec::new("reset", Machine::Pc, Plan::new(Role::Clean))).unwrap();
    guest.wait_until_ready().unwrap();
    let pid = pid(&guest);
    lab.restart_libvirtd().unwrap();
    guest.reattach(&lab.connect().unwrap()).unwrap();
    guest.domain().reset().unwrap();
    guest.destroy().unwrap();
    guest.wait_until_off().unwrap();
    let destroyed = answer(LibvirtCall::Destroy, false);
    let signs = signs(lab, pid, &destroyed);
    // On a busy machine QEMU may not be gone in the 10 s after which libvirt kills it.
    let exit = signs.iter().find(|sign| matches!(sign, Sign::Exit { .. })).cloned().unwrap_or_else(exit);
    let told = [
        call(LibvirtCall::Reset, 0),
        answer(LibvirtCall::Reset, false),
        call(LibvirtCall::Destroy, 0),
        exit,
        destroyed,
    ];
    assert!(in_order(&signs, &told), "{signs:?}");
    assert_eq!(of_libvirt(&signs).len(), 4, "{signs:?}");
}
