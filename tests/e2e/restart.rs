//! libvirtd is restarted while guests run, as every package upgrade does.

use std::time::Duration;

use softoff_guest::{Plan, Role};
use softoff_lab::expect::SOFT;
use softoff_lab::{DomainSpec, Machine, Stage, expect};

use crate::stage;

#[test]
fn a_restart_of_libvirtd_in_the_middle_of_a_shutdown_loses_nothing() {
    if !stage::is_possible() {
        return;
    }
    // Not the shared stage: the restart would cut off the other tests.
    let stage = Stage::open().unwrap();
    let plan = Plan::new(Role::Clean).after(Duration::from_secs(8));
    let mut guest = stage.lab.boot(&DomainSpec::new("restarted", Machine::Q35, plan)).unwrap();
    guest.wait_until_ready().unwrap();
    guest.shutdown().unwrap();
    guest.wait_until_pressed().unwrap();
    stage.lab.restart_libvirtd().unwrap();
    guest.reattach(&stage.lab.connect().unwrap()).unwrap();
    guest.wait_until_off().unwrap();
    // One episode: the restart itself is no attempt to end the guest.
    expect::recorded(&stage.lab, &guest, &[SOFT]).unwrap();
}
