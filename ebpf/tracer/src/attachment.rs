//! Executables that are attached to: once each, for all processes that run them now or later.

use std::collections::HashMap;
use std::fs::File;

use softoff_journal::record::MissingSentinel;

use crate::binary::{FileId, Image};
use crate::programs::Programs;
use crate::sentinel::{Need, SENTINELS, Sentinel};

/// All executables seen so far.
#[derive(Debug, Default)]
pub struct Attachments(HashMap<FileId, Attachment>);

/// What one executable lets be seen.
#[derive(Debug, Clone, Default)]
pub struct Attachment {
    /// GNU build id in hex.
    pub build_id: Option<String>,
    /// Every required sentinel is attached.
    pub tells_the_story: bool,
    /// What is not attached, and what that costs.
    pub missing: Vec<MissingSentinel>,
}

impl Attachments {
    /// Attaches to an executable unless that is done; true where it was done now.
    pub fn attach(&mut self, programs: &mut Programs, file: &File) -> (Attachment, bool) {
        let Ok(id) = FileId::of(file) else { return (unreadable("its file cannot be examined"), true) };
        if let Some(known) = self.0.get(&id) {
            return (known.clone(), false);
        }
        let attachment = match u16::try_from(self.0.len() + 1) {
            Ok(number) => attach(programs, file, number),
            Err(_) => unreadable("more than 65535 executables were attached to; restart the tracer"),
        };
        self.0.insert(id, attachment.clone());
        (attachment, true)
    }
}

fn attach(programs: &mut Programs, file: &File, number: u16) -> Attachment {
    let image = match Image::read(file) {
        Ok(image) => image,
        Err(error) => return unreadable(&format!("its symbols cannot be read ({error})")),
    };
    if image.sites.is_empty() {
        let why = "it exports none of QEMU's functions (stripped, or built without modules)";
        return Attachment { build_id: image.build_id, ..unreadable(why) };
    }
    let failed = programs.attach(file, &image, number);
    let absent = SENTINELS.iter().filter(|sentinel| !image.has(sentinel));
    let lacking: Vec<&Sentinel> =
        absent.clone().chain(failed.iter().map(|(sentinel, _)| *sentinel)).collect();
    let mut missing: Vec<_> = absent.map(|sentinel| lacks(sentinel, "this QEMU does not have it")).collect();
    missing.extend(failed.iter().map(|(sentinel, why)| lacks(sentinel, why)));
    missing.extend(doubtful(&image, file));
    Attachment {
        build_id: image.build_id,
        tells_the_story: lacking.iter().all(|sentinel| sentinel.need == Need::Optional),
        missing,
    }
}

/// What is attached but may not tell what it should.
fn doubtful(image: &Image, file: &File) -> Vec<MissingSentinel> {
    let never_called = image.never_called(file).unwrap_or_default();
    let inlined = "nothing in this QEMU calls it (inlined?), it may never fire";
    let mut doubtful: Vec<_> = never_called.into_iter().map(|sentinel| lacks(sentinel, inlined)).collect();
    let has_pm1 = image.sites.iter().any(|site| site.sentinel.symbol == "acpi_pm1_evt_power_down");
    if has_pm1 && image.pm1.is_none() {
        doubtful.push(MissingSentinel {
            name: "PM1 registers".to_owned(),
            consequence: "their place is not found in the code of acpi_pm1_evt_power_down: whether the \
                guest had its power button enabled cannot be told"
                .to_owned(),
        });
    }
    doubtful
}

fn lacks(sentinel: &Sentinel, why: &str) -> MissingSentinel {
    MissingSentinel { name: sentinel.symbol.to_owned(), consequence: format!("{why}: {}", sentinel.without) }
}

fn unreadable(why: &str) -> Attachment {
    let missing = MissingSentinel {
        name: "symbols".to_owned(),
        consequence: format!(
            "{why}: the request, its delivery and QEMU's own events cannot be seen, only what KVM, signals \
             and the exit tell"
        ),
    };
    Attachment { build_id: None, tells_the_story: false, missing: vec![missing] }
}
