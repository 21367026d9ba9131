//! Domain names are the operator's to choose, and nothing about them can be relied on.

use softoff_guest::{Plan, Role};
use softoff_lab::expect::SOFT;
use softoff_lab::{DomainSpec, Machine, expect};

use crate::stage;

/// Spaces, quotes of three kinds, markup, a backslash, a terminal's escape sequence in words, and
/// what QEMU's own command line takes for a separator. libvirt accepts all but a slash.
const AWKWARD: &str = " it's \"so\" `awkward` <b>&amp;<b> \\n \\e[31m, guest=x,,y =%s $(id)";

fn is_told_by_its_name(name: &str) {
    if !stage::is_possible() {
        return;
    }
    let lab = &stage::shared().lab;
    let guest = lab.boot(&DomainSpec::new(name, Machine::Q35, Plan::new(Role::Clean))).unwrap();
    guest.wait_until_ready().unwrap();
    guest.shutdown().unwrap();
    guest.wait_until_off().unwrap();
    let episodes = expect::recorded(lab, &guest, &[SOFT]).unwrap();
    assert_eq!(episodes[0].domain.name.as_deref(), Some(name));
}

#[test]
fn an_awkward_name_is_recorded_as_it_is() {
    is_told_by_its_name(AWKWARD);
}

#[test]
fn a_name_of_200_bytes_of_utf8_is_recorded_as_it_is() {
    // Of four-byte characters libvirt makes a socket path that is too long for the kernel.
    let name = format!("{}!!", "기계".repeat(33));
    assert_eq!(name.len(), 200);
    is_told_by_its_name(&name);
}

#[test]
fn libvirt_itself_refuses_a_name_with_a_newline() {
    if !stage::is_possible() {
        return;
    }
    let spec = DomainSpec::new("two\nlines", Machine::Q35, Plan::new(Role::Clean));
    let error = stage::shared().lab.boot(&spec).unwrap_err();
    assert!(format!("{error:#}").contains("name"), "{error:#}");
}
