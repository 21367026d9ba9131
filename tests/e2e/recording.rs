//! When and where the recorder is started makes no difference to what it can see.

use softoff_analyzer::cause::Cause;
use softoff_analyzer::episode::{Outcome, Tier};
use softoff_guest::{Plan, Role};
use softoff_lab::expect::SOFT;
use softoff_lab::{DomainSpec, Guest, Lab, Machine, Recorder, expect};

use crate::stage;

fn ready_guest(lab: &Lab, name: &str, role: Role) -> Guest {
    let guest = lab.boot(&DomainSpec::new(name, Machine::Q35, Plan::new(role))).unwrap();
    guest.wait_until_ready().unwrap();
    guest
}

#[test]
fn a_guest_that_ran_before_the_recorder_is_watched_from_outside_the_namespace_too() {
    if !stage::is_possible() {
        return;
    }
    let lab = Lab::start().unwrap();
    lab.install_hook().unwrap();
    let guest = ready_guest(&lab, "older than the recorder", Role::Clean);
    // The machine's /run/libvirt knows nothing of this guest: its name comes from its own command
    // line and from the hook.
    let recorder = Recorder::start(lab.softoff()).unwrap();
    let ready = recorder.ready_line().unwrap();
    assert!(ready.contains("through symbols"), "{ready}");
    guest.shutdown().unwrap();
    guest.wait_until_off().unwrap();
    recorder.stop().unwrap();
    expect::recorded(&lab, &guest, &[SOFT]).unwrap();
}

#[test]
fn without_a_recorder_the_hook_still_tells_that_a_guest_was_destroyed() {
    if !stage::is_possible() {
        return;
    }
    let lab = Lab::start().unwrap();
    lab.install_hook().unwrap();
    let guest = ready_guest(&lab, "hook only", Role::Clean);
    guest.destroy().unwrap();
    guest.wait_until_off().unwrap();
    let episodes = lab.episodes_of(&guest).unwrap();
    assert_eq!(episodes[0].outcome, Outcome::Hard);
    assert!(episodes[0].completeness.tier <= Tier::Log, "{:?}", episodes[0].completeness);
    // Whether the guest was asked before, the hook cannot tell: a candidate, not the cause.
    assert_eq!(episodes[0].cause.code, Cause::None);
    assert_eq!(episodes[0].candidates[0].code, Cause::OperatorDestroy);
}

#[test]
fn a_guest_that_ends_while_the_recorder_attaches_does_no_harm() {
    if !stage::is_possible() {
        return;
    }
    let lab = Lab::start().unwrap();
    lab.install_hook().unwrap();
    let guests = ["one", "two", "three"].map(|name| ready_guest(&lab, name, Role::Clean));
    let recorder = Recorder::spawn(lab.softoff_inside()).unwrap();
    for guest in &guests {
        guest.destroy().unwrap();
    }
    // It goes on: a guest that comes later is seen in full.
    let later = ready_guest(&lab, "later", Role::Clean);
    later.shutdown().unwrap();
    later.wait_until_off().unwrap();
    recorder.stop().unwrap();
    expect::recorded(&lab, &later, &[SOFT]).unwrap();
    for guest in &guests {
        let episodes = lab.episodes_of(guest).unwrap();
        assert_eq!(episodes[0].outcome, Outcome::Hard, "{:?}", guest.spec().name);
    }
}
