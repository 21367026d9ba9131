//! For a ticket or a chat.

use std::fmt::Write;

use softoff_analyzer::Episode;

use crate::story::{Reason, Story};
use crate::units::{duration, offset};

/// The episode as GitHub-flavoured Markdown. Nothing in a name or text can act as markup.
pub fn markdown(episode: &Episode) -> String {
    let story = Story::of(episode);
    let mut text = format!("## {}\n\n", escaped(&story.headline));
    if !story.summary.is_empty() {
        paragraph(&mut text, &escaped(&story.summary));
    }
    table(&mut text, ["", ""], story.facts.iter().map(|fact| [fact.label.to_owned(), escaped(&fact.text)]));
    phases(&mut text, &story);
    guest(&mut text, &story);
    evidence(&mut text, &story);
    cause(&mut text, &story);
    if !story.advice.is_empty() {
        paragraph(&mut text, "### What to do");
        bullets(&mut text, story.advice.iter().map(|advice| escaped(advice)));
    }
    risk(&mut text, &story);
    paragraph(&mut text, "### How much was seen");
    paragraph(&mut text, &escaped(&story.coverage));
    bullets(&mut text, story.missing.iter().map(|missing| escaped(missing)));
    text.truncate(text.trim_end().len());
    text + "\n"
}

fn phases(text: &mut String, story: &Story) {
    if story.phases.is_empty() && story.guest.is_some() {
        return;
    }
    paragraph(text, "### Where the time went");
    if story.phases.is_empty() {
        return paragraph(text, "No phase has both its ends on record.");
    }
    let rows = story.phases.iter().map(|phase| {
        [phase.name.to_owned(), duration(phase.seconds), offset(phase.start), phase.meaning.clone()]
    });
    table(text, ["Phase", "Time", "From", "What happens in it"], rows);
}

fn guest(text: &mut String, story: &Story) {
    let Some(guest) = &story.guest else { return };
    paragraph(text, "### What the guest's own log says");
    table(text, ["", ""], guest.facts.iter().map(|fact| [fact.label.to_owned(), escaped(&fact.text)]));
    if guest.phases.is_empty() {
        return;
    }
    let rows = guest.phases.iter();
    let rows = rows.map(|phase| [phase.name.to_owned(), phase.duration.clone(), phase.meaning.to_owned()]);
    table(text, ["Phase of the guest", "Time", "What happens in it"], rows);
}

fn evidence(text: &mut String, story: &Story) {
    paragraph(text, "### What was seen");
    if story.evidence.is_empty() {
        return paragraph(text, "Nothing.");
    }
    let rows = story.evidence.iter().map(|sighting| {
        let mark = sighting.bearing.mark().trim();
        [offset(sighting.at), sighting.source.to_owned(), escaped(&sighting.told()), mark.to_owned()]
    });
    table(text, ["At", "Source", "What", ""], rows);
    if story.weighs() {
        paragraph(text, "● speaks for the cause below, ○ against it");
    }
}

fn cause(text: &mut String, story: &Story) {
    if !story.asks_why() {
        return;
    }
    paragraph(text, "### Why");
    paragraph(text, &story.cause.as_ref().map_or(Story::UNKNOWN_CAUSE.to_owned(), reason));
    if !story.others.is_empty() {
        paragraph(text, story.others_title());
        bullets(text, story.others.iter().map(reason));
    }
}

fn reason(reason: &Reason) -> String {
    format!("`{}` ({} sure) {}", reason.code, reason.confidence, escaped(reason.meaning))
}

fn risk(text: &mut String, story: &Story) {
    let Some(risk) = &story.risk else { return };
    paragraph(text, "### What may be lost");
    paragraph(text, &format!("Risk {}: {}", risk.level, escaped(&risk.text)));
    if !risk.measured.is_empty() {
        paragraph(text, &format!("Measured: {}.", risk.measured));
    }
}

fn paragraph(text: &mut String, paragraph: &str) {
    text.push_str(paragraph);
    text.push_str("\n\n");
}

fn bullets(text: &mut String, items: impl Iterator<Item = String>) {
    let before = text.len();
    for item in items {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "- {item}");
    }
    if text.len() > before {
        text.push('\n');
    }
}

fn table<const N: usize>(text: &mut String, headings: [&str; N], rows: impl Iterator<Item = [String; N]>) {
    let _ = writeln!(text, "| {} |", headings.join(" | "));
    let _ = writeln!(text, "|{}", " --- |".repeat(N));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text.push('\n');
}

/// `text` with a backslash before everything that Markdown could take for markup.
fn escaped(text: &str) -> String {
    // Four spaces would make a code block.
    let text = text.trim();
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut at_start = true;
    for (index, c) in text.char_indices() {
        let list_number = at_start && ".)".contains(c);
        let markup = "\\`*_[]<>|#~&!$@^{}".contains(c);
        let bullet = index == 0 && "-+=:".contains(c);
        // Bare addresses become links in GitHub's flavour: http://…, www.…
        let link = c == ':' && text[index..].starts_with("://") || c == '.' && text[..index].ends_with("www");
        if markup || bullet || list_number || link {
            escaped.push('\\');
        }
        escaped.push(c);
        at_start &= c.is_ascii_digit();
    }
    escaped
}
