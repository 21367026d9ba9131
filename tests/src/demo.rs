//! The demo: three guests under a private libvirt are shut down, and softoff tells what became of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use softoff_analyzer::Episode;
use softoff_analyzer::cause::Cause;
use softoff_guest::{Plan, Role};
use uuid::Uuid;

use crate::expect::{CUT_OFF, Expected, SOFT};
use crate::guest::Guest;
use crate::lab::{Lab, output_of};
use crate::programs::Programs;
use crate::recorder::Recorder;
use crate::spec::{DomainSpec, Machine};

/// How long the operator waits before cutting the power: most healthy guests would be off by then.
const FAIR_WAIT: Duration = Duration::from_secs(25);

/// The guests: domain name, what it does, and what softoff must find.
const CAST: [(&str, Plan, Expected); 3] = [
    ("clean", Plan::new(Role::Clean).after(Duration::from_millis(1500)), SOFT),
    ("ignoring", Plan::new(Role::Ignore), CUT_OFF),
    ("not-listening", Plan::new(Role::NotListening), Expected { cause: Cause::GuestNotListening, ..CUT_OFF }),
];

/// Plays the demo and leaves its results in `output`. Fails unless softoff is right about all three.
pub fn run(output: &Path) -> anyhow::Result<()> {
    prepare(output)?;
    let identities = perform(&output.join("journal"))?;
    let results = Results { output, softoff: Programs::find()?.softoff, identities };
    let episodes = results.write()?;
    results.explain()?;
    say(&format!(
        "the results are in {}: episodes.json, report.html, timeline.svg, timeline.png, journal/",
        output.display()
    ));
    check(&episodes)
}

fn say(what: &str) {
    eprintln!("demo: {what}");
}

/// Makes room for the results; those of an earlier demo are overwritten.
fn prepare(output: &Path) -> anyhow::Result<()> {
    let journal = output.join("journal");
    if journal.exists() {
        fs::remove_dir_all(&journal).with_context(|| format!("cannot remove {}", journal.display()))?;
    }
    fs::create_dir_all(&journal).with_context(|| format!("cannot create {}", journal.display()))
}

/// The real thing: libvirt, the hook, the recorder, three guests. Leaves the journal in `journal`
/// and returns the guests' UUIDs.
fn perform(journal: &Path) -> anyhow::Result<Vec<Uuid>> {
    say("starting a private libvirtd in a mount namespace of its own");
    let lab = Lab::start()?;
    say("installing the hook there: softoff install");
    lab.install_hook()?;
    say("starting the recorder: softoff trace");
    let recorder = Recorder::start(lab.softoff_inside())?;
    let guests = boot(&lab)?;
    shut_down(&guests)?;
    say("stopping the recorder");
    recorder.stop()?;
    lab.copy_journal(journal)?;
    Ok(guests.iter().map(|guest| guest.spec().uuid).collect())
}

fn boot(lab: &Lab) -> anyhow::Result<Vec<Guest>> {
    say("booting three Linux guests under QEMU without KVM; that takes some seconds");
    let boot = |(name, plan, _)| lab.boot(&DomainSpec::new(name, Machine::Q35, plan));
    let guests = CAST.map(boot).into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    for guest in &guests {
        guest.wait_until_ready()?;
        say(&format!("{} is up", guest.spec().name));
    }
    Ok(guests)
}

/// Asks all three to shut down, and cuts the power of those that do not.
fn shut_down(guests: &[Guest]) -> anyhow::Result<()> {
    for guest in guests {
        say(&format!("virsh shutdown {}", guest.spec().name));
        guest.shutdown()?;
    }
    say(&format!("waiting {} s", FAIR_WAIT.as_secs()));
    thread::sleep(FAIR_WAIT);
    for guest in guests {
        let name = &guest.spec().name;
        if guest.spec().plan().is_some_and(|plan| plan.role == Role::Clean) {
            guest.wait_until_off()?;
            say(&format!("{name} is off"));
        } else {
            say(&format!("{name} is still running: virsh destroy {name}"));
            guest.destroy()?;
            guest.wait_until_off()?;
        }
    }
    Ok(())
}

/// What softoff makes of the demo's journal. The recorder watches every QEMU of the machine, so the
/// guests are named by what nothing else on it shares.
struct Results<'a> {
    output: &'a Path,
    softoff: PathBuf,
    identities: Vec<Uuid>,
}

impl Results<'_> {
    fn softoff(&self, verb: &str) -> Command {
        let mut softoff = Command::new(&self.softoff);
        softoff.arg("--journal").arg(self.output.join("journal")).arg(verb);
        softoff
    }

    /// Writes the episodes, the page and the pictures.
    fn write(&self) -> anyhow::Result<Vec<Episode>> {
        let mut list = self.softoff("list");
        list.args(["--format", "json"]);
        let mut episodes: Vec<Episode> =
            serde_json::from_slice(&output_of(list)?).context("softoff list printed no episodes")?;
        episodes.retain(|episode| episode.domain.uuid.is_some_and(|uuid| self.identities.contains(&uuid)));
        let path = self.output.join("episodes.json");
        fs::write(&path, serde_json::to_string_pretty(&episodes)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        for (verb, file) in [("report", "report.html"), ("plot", "timeline.svg"), ("plot", "timeline.png")] {
            let mut show = self.softoff(verb);
            show.args(self.identities.iter().map(Uuid::to_string))
                .arg("--output")
                .arg(self.output.join(file));
            output_of(show)?;
        }
        Ok(episodes)
    }

    /// Prints softoff's explanations.
    fn explain(&self) -> anyhow::Result<()> {
        for ((name, ..), identity) in CAST.iter().zip(&self.identities) {
            say(&format!("softoff explain {name}"));
            let mut explain = self.softoff("explain");
            explain.arg(identity.to_string()).stdin(Stdio::null());
            let status = explain.status().with_context(|| format!("cannot run {explain:?}"))?;
            anyhow::ensure!(matches!(status.code(), Some(0 | 1)), "{explain:?} failed ({status})");
            println!();
        }
        Ok(())
    }
}

/// Fails unless there is one episode of each guest and it says what is true.
pub fn check(episodes: &[Episode]) -> anyhow::Result<()> {
    anyhow::ensure!(episodes.len() == CAST.len(), "{} episodes of {} guests", episodes.len(), CAST.len());
    for (name, _, expected) in CAST {
        let episode = episodes
            .iter()
            .find(|episode| episode.domain.name.as_deref() == Some(name))
            .with_context(|| format!("no episode of {name}"))?;
        expected.check(episode).with_context(|| format!("softoff is wrong about {name}"))?;
    }
    Ok(())
}
