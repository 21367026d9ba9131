//! Every scenario on both machine types, whose ACPI hardware differs.

use softoff_lab::Machine;
use softoff_lab::scenario::Scenario;

use crate::stage::{self, Stage};

fn play(name: &str, machine: Machine) {
    if stage::is_possible() {
        let scenario = Scenario::named(name).unwrap();
        scenario.play(&Stage::shared().lab, machine).unwrap_or_else(|error| panic!("{error:#}"));
    }
}

macro_rules! on_both_machines {
    ($($test:ident: $scenario:literal;)*) => {
        mod q35 {
            $(#[test] fn $test() { super::play($scenario, softoff_lab::Machine::Q35) })*
        }

        mod pc {
            $(#[test] fn $test() { super::play($scenario, softoff_lab::Machine::Pc) })*
        }

        #[test]
        fn every_scenario_is_played() {
            let played = [$($scenario),*];
            let all = softoff_lab::scenario::SCENARIOS.map(|scenario| scenario.name);
            assert_eq!(played, all);
        }
    };
}

on_both_machines! {
    a_guest_that_powers_off_is_told_in_six_phases: "clean";
    a_guest_that_takes_its_time_raises_no_alarm: "slow but steady";
    a_guest_that_acknowledges_and_does_nothing_has_ignored_the_button: "ignored";
    a_guest_without_a_button_driver_was_not_listening: "not listening";
    a_reboot_on_request_is_no_failed_shutdown: "reboot on request";
    a_guest_that_reboots_when_asked_to_shut_down_is_told_so: "reboot instead of power-off";
    a_guest_that_goes_to_sleep_is_told_so: "sleep";
    a_guest_that_powers_itself_off_is_told_so: "power-off from inside";
    a_destroy_without_asking_is_the_operators_doing: "destroyed unasked";
    a_signal_from_outside_is_told_from_a_power_off: "terminated from outside";
    a_kill_from_outside_is_told_from_a_crash: "killed from outside";
    a_crash_of_qemu_is_told_from_a_kill: "qemu crash";
}
