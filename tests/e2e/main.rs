//! End to end.

use std::time::{Duration, Instant};

use softoff_guest::{Plan, Role};
use softoff_lab::{DomainSpec, Lab, Machine};

#[test]
fn smoke() {
    let t = Instant::now();
    let lab = Lab::start().unwrap();
    eprintln!("lab {:?}", t.elapsed());
    for machine in [Machine::Q35, Machine::Pc] {
        let t = Instant::now();
        let guest =
            lab.boot(&DomainSpec::new(format!("clean {machine}"), machine, Plan::new(Role::Clean))).unwrap();
        eprintln!("booted {:?}", t.elapsed());
        guest.wait_until_ready().unwrap();
        eprintln!("ready {:?}", t.elapsed());
        guest.shutdown().unwrap();
        guest.wait_until_off(Duration::from_secs(30)).unwrap();
        eprintln!("off {:?}", t.elapsed());
    }
}
