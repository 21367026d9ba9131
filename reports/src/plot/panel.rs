//! One episode's part of the picture.

use super::axis::{Axis, Spot};
use super::canvas::{Canvas, Colour, Side};
use super::font::Face;
use crate::ReportError;
use crate::story::{Bearing, Sighting, Story, Stretch};
use crate::units::{duration, offset};

const PADDING: i32 = 20;
/// Room for the names of phases and sources, left of the axis.
const NAMES: i32 = 80;
/// Room for a bar's label, right of the axis.
const LABELS: i32 = 90;
const TITLE: i32 = 26;
const SUBTITLE: i32 = 26;
const PHASE: i32 = 25;
const BAR: i32 = 15;
const SIGHTING: i32 = 20;
const GAP: i32 = 10;
const AXIS: i32 = 26;
const FOOTNOTE: i32 = 18;
/// Bars are never narrower: a phase too short for the scale still shows.
const BAR_AT_LEAST: i32 = 3;
/// More sightings than this make a picture unreadable; those that bear on the cause go first.
const SIGHTINGS_AT_MOST: usize = 16;

/// The layout of one episode.
pub(super) struct Panel<'a> {
    story: &'a Story,
    sightings: Vec<&'a Sighting>,
    axis: Axis,
    width: i32,
    /// The space between the edge and everything.
    padding: i32,
    /// Empty where the place of the picture says what it shows.
    title: Vec<String>,
}

impl<'a> Panel<'a> {
    pub fn new(story: &'a Story, width: i32, titled: bool) -> Self {
        let padding = if titled { PADDING } else { 0 };
        let axis = Axis::new(story, padding + NAMES, width - padding - LABELS);
        let title = if titled { title_lines(&story.headline, width - 2 * padding) } else { vec![] };
        Self { story, sightings: choose(&story.evidence), axis, width, padding, title }
    }

    pub fn height(&self) -> i32 {
        2 * self.padding
            + self.title_height()
            + self.phases_height()
            + GAP
            + self.sightings_height()
            + AXIS
            + FOOTNOTE
    }

    fn title_height(&self) -> i32 {
        if self.title.is_empty() { 0 } else { TITLE * rows(self.title.len()) + SUBTITLE }
    }

    fn phases_height(&self) -> i32 {
        PHASE * rows(self.story.phases.len().max(1))
    }

    fn sightings_height(&self) -> i32 {
        SIGHTING * rows(self.sightings.len())
    }

    /// Draws the panel with its upper edge at `top`.
    pub fn draw(&self, canvas: &Canvas<'_>, top: i32) -> Result<(), ReportError> {
        if top > 0 {
            canvas.line((self.padding, top), (self.width - self.padding, top), Colour::Grid)?;
        }
        self.title(canvas, top + self.padding)?;
        let phases = top + self.padding + self.title_height();
        let sightings = phases + self.phases_height() + GAP;
        let bottom = sightings + self.sightings_height();
        self.grid(canvas, phases, bottom)?;
        self.phases(canvas, phases)?;
        self.sightings(canvas, sightings)?;
        self.footnote(canvas, bottom + AXIS + FOOTNOTE / 2)
    }

    fn title(&self, canvas: &Canvas<'_>, top: i32) -> Result<(), ReportError> {
        if self.title.is_empty() {
            return Ok(());
        }
        for (row, line) in (0..).zip(&self.title) {
            let at = (self.padding, top + row * TITLE + TITLE / 2);
            canvas.text(line, at, Side::Right, Face::TITLE, Colour::Ink)?;
        }
        let at = (self.padding, top + rows(self.title.len()) * TITLE + 8);
        let subtitle = Face::TEXT.fit(&subtitle(self.story), self.width - 2 * self.padding);
        canvas.text(&subtitle, at, Side::Right, Face::TEXT, Colour::Muted)
    }

    fn grid(&self, canvas: &Canvas<'_>, top: i32, bottom: i32) -> Result<(), ReportError> {
        if self.story.phases.is_empty() && self.sightings.is_empty() {
            return Ok(()); // A scale for nothing would only mislead.
        }
        for (x, label) in self.axis.ticks() {
            canvas.line((x, top), (x, bottom + 4), Colour::Grid)?;
            canvas.text(&label, (x, bottom + 14), Side::Middle, Face::SMALL, Colour::Muted)?;
        }
        let right = self.width - self.padding - LABELS;
        canvas.line((self.padding + NAMES, bottom), (right, bottom), Colour::Muted)
    }

    fn phases(&self, canvas: &Canvas<'_>, top: i32) -> Result<(), ReportError> {
        if self.story.phases.is_empty() {
            let at = (self.padding + NAMES + 6, top + PHASE / 2);
            let text = "No phase has both its ends on record.";
            return canvas.text(text, at, Side::Right, Face::TEXT, Colour::Muted);
        }
        for (row, phase) in (0..).zip(&self.story.phases) {
            let y = top + row * PHASE + PHASE / 2;
            let from = self.axis.x(phase.start);
            let to = self.axis.x(phase.start + phase.seconds).max(from + BAR_AT_LEAST);
            let colour = Colour::Phase(phase.index);
            canvas.text(phase.name, (self.padding, y), Side::Right, Face::STRONG, Colour::Ink)?;
            canvas.bar((from, y - BAR / 2), (to, y + BAR / 2), colour)?;
            canvas.text(&duration(phase.seconds), (to + 6, y), Side::Right, Face::TEXT, Colour::Ink)?;
        }
        Ok(())
    }

    fn sightings(&self, canvas: &Canvas<'_>, top: i32) -> Result<(), ReportError> {
        for (row, sighting) in (0..).zip(&self.sightings) {
            let y = top + row * SIGHTING + SIGHTING / 2;
            canvas.text(sighting.source, (self.padding, y), Side::Right, Face::TEXT, Colour::Muted)?;
            let x = self.marker(canvas, sighting, y)?;
            self.sighting_text(canvas, sighting, (x, y))?;
        }
        Ok(())
    }

    /// Draws the marker; its horizontal place.
    fn marker(&self, canvas: &Canvas<'_>, sighting: &Sighting, y: i32) -> Result<i32, ReportError> {
        let spot = self.axis.spot(sighting.at);
        let (x, drawn) = match (spot, sighting.bearing) {
            (Spot::Before(x), _) => (x, canvas.arrow((x, y), Side::Left, Colour::Muted)),
            (Spot::After(x), _) => (x, canvas.arrow((x, y), Side::Right, Colour::Muted)),
            (Spot::At(x), Bearing::Supports) => (x, canvas.disc((x, y), 5, Colour::Supports)),
            (Spot::At(x), Bearing::Against) => (x, canvas.ring((x, y), 4, Colour::Supports)),
            (Spot::At(x), Bearing::Context) => (x, canvas.disc((x, y), 4, Colour::Muted)),
        };
        drawn.map(|()| x)
    }

    /// Puts the text where there is room for all of it, or else where there is most.
    fn sighting_text(
        &self,
        canvas: &Canvas<'_>,
        sighting: &Sighting,
        at: (i32, i32),
    ) -> Result<(), ReportError> {
        const OFF: i32 = 11;
        let text = format!("{}  {}", offset(sighting.at), sighting.text);
        let right = self.width - self.padding - at.0 - OFF;
        let left = at.0 - OFF - self.padding - NAMES;
        let on_the_right = Face::TEXT.width(&text) <= right || right >= left;
        let (x, side, room) =
            if on_the_right { (at.0 + OFF, Side::Right, right) } else { (at.0 - OFF, Side::Left, left) };
        canvas.text(&Face::TEXT.fit(&text, room), (x, at.1), side, Face::TEXT, Colour::Ink)
    }

    fn footnote(&self, canvas: &Canvas<'_>, y: i32) -> Result<(), ReportError> {
        let mut x = self.padding;
        if self.story.weighs() {
            canvas.disc((x + 5, y), 5, Colour::Supports)?;
            x = self.note(canvas, (x + 15, y), "speaks for the cause")?;
            canvas.ring((x + 5, y), 4, Colour::Supports)?;
            x = self.note(canvas, (x + 15, y), "against it")?;
        }
        if self.story.phases.iter().any(|phase| self.is_widened(phase)) {
            x = self.note(canvas, (x, y), "thinnest bars not to scale")?;
        }
        match self.story.evidence.len() - self.sightings.len() {
            0 => Ok(()),
            more => self.note(canvas, (x, y), &format!("{more} more sightings not drawn")).map(|_| ()),
        }
    }

    /// Writes one part of the footnote; where the next one begins.
    fn note(&self, canvas: &Canvas<'_>, at: (i32, i32), text: &str) -> Result<i32, ReportError> {
        let text = Face::SMALL.fit(text, self.width - self.padding - at.0);
        canvas.text(&text, at, Side::Right, Face::SMALL, Colour::Muted)?;
        Ok(at.0 + Face::SMALL.width(&text) + 20)
    }

    fn is_widened(&self, phase: &Stretch) -> bool {
        self.axis.x(phase.start + phase.seconds) - self.axis.x(phase.start) < BAR_AT_LEAST
    }
}

/// The headline on as many lines as it needs, two at most.
fn title_lines(headline: &str, width: i32) -> Vec<String> {
    let headline = headline.trim_end_matches('.');
    if Face::TITLE.width(headline) <= width {
        return vec![headline.to_owned()];
    }
    let breaks = headline.rmatch_indices(' ').map(|(index, _)| headline.split_at(index));
    let mut fitting = breaks.filter(|(first, _)| Face::TITLE.width(first) <= width);
    let (first, second) = fitting.next().unwrap_or((headline, ""));
    [first, second.trim_start()].map(|line| Face::TITLE.fit(line, width)).into()
}

fn subtitle(story: &Story) -> String {
    let judged = format!("{}, {}", story.outcome, story.verdict.as_str());
    let cause = story.cause_in_short.as_ref().map(|cause| format!("cause {cause}"));
    let parts = [story.when.clone(), Some(judged), cause, Some(format!("episode {}", story.id))];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// Those that bear on the cause, then the earliest others, as many as fit, in order of time.
fn choose(evidence: &[Sighting]) -> Vec<&Sighting> {
    let mut ranked: Vec<_> = evidence.iter().enumerate().collect();
    ranked.sort_by_key(|(_, sighting)| sighting.bearing == Bearing::Context);
    ranked.truncate(SIGHTINGS_AT_MOST);
    ranked.sort_by_key(|(index, _)| *index);
    ranked.into_iter().map(|(_, sighting)| sighting).collect()
}

fn rows(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
