//! The arguments libvirt passes: `HOOKPATH DOMAIN OPERATION SUB-OPERATION EXTRA`
//! (libvirt `src/util/virhook.c`, virRunScript).

use std::ffi::{OsStr, OsString};

use softoff_journal::record::Operation;

/// More than this of an argument is not recorded, in bytes: libvirt's own are far shorter.
const LONGEST: usize = 4096;

/// What stands for "nothing" in libvirt's arguments.
const NOTHING: &str = "-";

/// The hook's arguments as they came, not necessarily UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// The path libvirt called the hook by.
    pub program: OsString,
    /// Domain name.
    pub domain: OsString,
    /// Operation.
    pub operation: OsString,
    /// Sub-operation.
    pub sub_operation: OsString,
    /// The shutoff reason on `release` since libvirt 10.5, otherwise `-`.
    pub extra: OsString,
}

impl Arguments {
    /// Takes the program's arguments. `None` where there is not even a domain and an operation:
    /// that was not libvirt.
    pub fn take(mut args: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut required = || args.next();
        let (program, domain, operation) = (required()?, required()?, required()?);
        let mut optional = || args.next().unwrap_or_else(|| NOTHING.into());
        Some(Self { program, domain, operation, sub_operation: optional(), extra: optional() })
    }

    /// The operation as the journal names it.
    pub fn operation(&self) -> Operation {
        match recordable(&self.operation) {
            word if word == "prepare" => Operation::Prepare,
            word if word == "start" => Operation::Start,
            word if word == "started" => Operation::Started,
            word if word == "stopped" => Operation::Stopped,
            word if word == "release" => Operation::Release,
            word if word == "migrate" => Operation::Migrate,
            word if word == "restore" => Operation::Restore,
            word if word == "reconnect" => Operation::Reconnect,
            word if word == "attach" => Operation::Attach,
            other => Operation::Other(other),
        }
    }

    /// The extra argument, unless it stands for nothing.
    pub fn extra(&self) -> Option<String> {
        Some(recordable(&self.extra)).filter(|extra| !extra.is_empty() && extra != NOTHING)
    }
}

/// The text of an argument for the journal: what is not UTF-8 is replaced, what is too long is cut.
pub fn recordable(argument: &OsStr) -> String {
    let mut text = argument.to_string_lossy().into_owned();
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn take(args: &[&str]) -> Option<Arguments> {
        Arguments::take(args.iter().map(OsString::from))
    }

    #[test]
    fn each_operation_of_libvirt_has_its_own_name_and_others_keep_theirs() {
        let operation = |word| take(&["hook", "vm", word]).expect("enough arguments").operation();
        assert_eq!(operation("prepare"), Operation::Prepare);
        assert_eq!(operation("release"), Operation::Release);
        assert_eq!(operation("rejuvenate"), Operation::Other("rejuvenate".to_owned()));
    }

    #[test]
    fn a_call_without_domain_or_operation_is_not_libvirts() {
        assert_eq!(take(&[]), None);
        assert_eq!(take(&["hook"]), None);
        assert_eq!(take(&["hook", "--help"]), None);
    }

    #[test]
    fn a_dash_is_no_extra() {
        assert_eq!(take(&["hook", "vm", "release", "end", "-"]).expect("enough").extra(), None);
        let extra = take(&["hook", "vm", "release", "end", "from snapshot"]).expect("enough").extra();
        assert_eq!(extra.as_deref(), Some("from snapshot"));
    }

    #[test]
    fn text_for_the_journal_is_utf8_and_bounded() {
        assert_eq!(recordable(&OsString::from_vec(b"a\xffb".to_vec())), "a\u{fffd}b");
        let long = recordable(OsStr::new(&"ä".repeat(LONGEST)));
        assert_eq!(long.len(), LONGEST);
    }
}
