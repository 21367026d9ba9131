//! A guest's system in a small vocabulary. The guest has a say in what is recorded of it: whatever it
//! says, there are no more words than these.

/// The vocabulary.
pub(super) const WORDS: &[&str] = &["windows", "linux", "bsd", "other", "unknown"];

/// What libosinfo's ids and the guest agent's names of Linux systems have in them.
const LINUX: &[&str] = &[
    "linux",
    "debian",
    "ubuntu",
    "redhat",
    "rhel",
    "fedora",
    "centos",
    "suse",
    "rocky",
    "alma",
    "oracle.com/ol",
    "amazon",
    "arch",
    "alpine",
    "gentoo",
    "nixos",
    "coreos",
    "mageia",
    "cirros",
];

/// The word for a system as it was recorded: a libosinfo id, or what the guest's agent calls it.
pub(super) fn word(os: Option<&str>) -> &'static str {
    let Some(os) = os.map(str::to_ascii_lowercase).filter(|os| !os.trim().is_empty()) else {
        return "unknown";
    };
    let has = |words: &[&str]| words.iter().any(|word| os.contains(word));
    if has(&["microsoft.com/", "windows"]) || os.starts_with("win") {
        "windows"
    } else if has(&["bsd"]) {
        "bsd"
    } else if has(LINUX) {
        "linux"
    } else {
        "other"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_libosinfo_and_names_of_agents_become_one_word() {
        let told = [
            ("http://microsoft.com/win/2k22", "windows"),
            ("mswindows", "windows"),
            ("win10", "windows"),
            ("http://debian.org/debian/12", "linux"),
            ("http://redhat.com/rhel/9.4", "linux"),
            ("http://freebsd.org/freebsd/14.0", "bsd"),
            ("http://apple.com/macosx/10.7", "other"),
            ("\u{1b}[2J\",os=\"x", "other"),
            (" ", "unknown"),
        ];
        for (os, expected) in told {
            assert_eq!(word(Some(os)), expected, "{os:?}");
            assert!(WORDS.contains(&expected));
        }
        assert_eq!(word(None), "unknown");
    }
}
