//! One look: the screen and the agent, side by side once the picture is taken.

use std::thread;
use std::time::Instant;

use anyhow::Context;
use image::RgbImage;
use virt::connect::Connect;
use virt::domain::Domain;

use crate::deadline::Deadline;
use crate::report::Report;
use crate::{Order, agent, domain, picture, screenshot, store, text};

/// Looks, and writes what was seen to the journal. What cannot be seen is written too: only a journal that
/// cannot be written is an error. False where the guest could not be looked at.
pub fn run(order: &Order) -> anyhow::Result<bool> {
    let deadline = Deadline::of_look(order.settings && !order.no_agent);
    let report = Report::open(&order.journal, order.process()).context("cannot record what is seen")?;
    report.end_at(deadline);
    if !order.no_screen {
        report.begin_screen();
        report.screen_waits_for("asking libvirt for the domain");
    }
    let deadline = deadline.before_writing();
    let looked = open(order).and_then(|(connection, domain)| {
        domain::must_be_free(&domain, order.process())?;
        look(order, &connection, &domain, deadline, &report);
        Ok(())
    });
    let is_looked_at = looked.is_ok();
    if let Err(why) = looked {
        eprintln!("softoff-witness: {why}");
        report.of_screen(|screen| screen.trouble.push(why));
    }
    report.end_screen();
    report.result().context("cannot record what was seen")?;
    Ok(is_looked_at)
}

fn open(order: &Order) -> Result<(Connect, Domain), String> {
    let connection = domain::connect(&order.connect)?;
    let domain = domain::find(&connection, order.uuid, order.process())?;
    Ok((connection, domain))
}

fn look(order: &Order, connection: &Connect, domain: &Domain, deadline: Deadline, report: &Report) {
    let shown = if order.no_screen { None } else { see(order, connection, domain, report) };
    thread::scope(|scope| {
        if !order.no_agent {
            scope.spawn(|| ask(order, domain, deadline, report));
        }
        if let Some(shown) = shown {
            read(&shown, deadline, report);
        }
        report.end_screen();
    });
}

/// Takes the picture and keeps it.
fn see(order: &Order, connection: &Connect, domain: &Domain, report: &Report) -> Option<RgbImage> {
    let seen = take(connection, domain, report).and_then(|shot| {
        let shown = picture::decode(&shot.mime, &shot.bytes)?;
        let boot = softoff_journal::writer::boot_id().map_err(|error| error.to_string())?;
        let kept = store::keep(&order.journal, boot, order.process(), &shown)?;
        report.of_screen(|screen| screen.picture = Some(kept));
        Ok(shown)
    });
    seen.map_err(|why| report.of_screen(|screen| screen.trouble.push(why))).ok()
}

fn take(connection: &Connect, domain: &Domain, report: &Report) -> Result<screenshot::Shot, String> {
    report.screen_waits_for("libvirt's picture of the screen");
    let begun = Instant::now();
    let shot = screenshot::take(connection, domain);
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    report.of_screen(|screen| screen.took_ms = took_ms);
    shot
}

/// Has the text read, where anything is lit.
fn read(shown: &RgbImage, deadline: Deadline, report: &Report) {
    if picture::is_black(shown) {
        report.of_screen(|screen| screen.text = Some(String::new()));
        return;
    }
    report.screen_waits_for("reading the text");
    match text::read(shown, deadline) {
        Ok(read) => report.of_screen(|screen| {
            screen.text = Some(read.text);
            screen.reader = Some(read.reader);
        }),
        Err(why) => report.of_screen(|screen| screen.trouble.push(why)),
    }
}

/// Asks the agent, where libvirt is connected with one.
fn ask(order: &Order, domain: &Domain, deadline: Deadline, report: &Report) {
    let has_agent = domain.xml_desc(0).is_ok_and(|xml| domain::has_agent(&xml));
    if has_agent {
        agent::ask(domain, order.settings, deadline, report);
    }
}
