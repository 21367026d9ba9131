//! The pictures of sample fleets, small and large.

use std::fs;
use std::path::Path;

use softoff_charts::change::Change;
use softoff_charts::hosts::Hosts;
use softoff_charts::lost::Lost;
use softoff_charts::page::{Headline, page};
use softoff_charts::percentiles::Percentiles;
use softoff_charts::phases::Phases;
use softoff_charts::survival::Survival;
use softoff_charts::times::Times;
use softoff_charts::{Chart, Context};

use crate::samples::{self, Size};
use crate::text::texts;

/// Fleets of one host and of ten thousand, of a day and of years.
fn sizes() -> Vec<(&'static str, Size)> {
    vec![
        ("one", Size::of(2, 1, 3)),
        ("fifty", Size::of(30, 50, 50)),
        ("many", Size::of(14, 10_000, 20)),
        ("long", Size::of(900, 12, 4)),
    ]
}

fn drawn(size: &Size) -> Vec<Chart> {
    samples::charts(size).expect("drawn")
}

#[test]
fn every_text_stands_within_its_picture_and_none_on_another() {
    for (name, size) in sizes() {
        for chart in drawn(&size) {
            let (texts, width, height) = texts(&chart.svg);
            for (index, text) in texts.iter().enumerate() {
                let inside =
                    text.left >= 0.0 && text.right <= width && text.top >= 0.0 && text.bottom <= height;
                assert!(inside, "{name} {}: {text:?} of {width} x {height}", chart.name);
                let other = texts[index + 1..].iter().find(|other| text.overlaps(other));
                assert!(other.is_none(), "{name} {}: {text:?} on {other:?}", chart.name);
            }
        }
    }
}

#[test]
fn the_pictures_are_files_that_viewers_open() {
    for (name, size) in sizes() {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("charts").join(name);
        fs::create_dir_all(&dir).expect("a directory");
        let charts = drawn(&size);
        for chart in &charts {
            let png = chart.png().expect("a PNG");
            let (_, width, height) = texts(&chart.svg);
            let reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().expect("decoded");
            let info = reader.info();
            assert_eq!((f64::from(info.width), f64::from(info.height)), (2.0 * width, 2.0 * height));
            fs::write(dir.join(format!("{}.png", chart.name)), png).expect("written");
            fs::write(dir.join(format!("{}.svg", chart.name)), &chart.svg).expect("written");
        }
        let headlines = [Headline::new("75 000", "shutdowns", "3 % not timed")];
        fs::write(dir.join("index.html"), page(&samples::context(), &headlines, &charts).expect("a page"))
            .expect("written");
    }
}

/// Charts of nothing.
fn empty() -> Vec<Chart> {
    let context = Context::default();
    let day = "2026-01-01".parse().expect("a date");
    let times = Times::spanning(day, day);
    let size = Size { names: vec![], ..Size::of(1, 0, 0) };
    let nothing = Change { difference: None, ..samples::change(&size) };
    [
        Percentiles { times, points: vec![] }.chart(&context),
        Survival { by: "os".to_owned(), groups: vec![], others: None }.chart(&context),
        Lost { times, causes: vec![], shutdowns: 0 }.chart(&context),
        Hosts { times, all: 0, hosts: vec![], spread: vec![] }.chart(&context),
        Phases::default().chart(&context),
        nothing.chart(&context),
    ]
    .map(|chart| chart.expect("drawn"))
    .into()
}

#[test]
fn a_chart_of_nothing_says_so() {
    for chart in empty() {
        let (texts, ..) = texts(&chart.svg);
        let says =
            texts.iter().any(|text| text.words.starts_with("No ") || text.words.starts_with("There are not"));
        assert!(says, "{}: {texts:?}", chart.name);
    }
}

#[test]
fn what_is_made_up_says_so_in_every_picture_and_what_is_real_does_not() {
    for chart in drawn(&Size::of(2, 1, 3)) {
        assert!(chart.svg.contains("SYNTHETIC"), "{}", chart.name);
    }
    for chart in empty() {
        assert!(!chart.svg.contains("SYNTHETIC"), "{}", chart.name);
    }
}

#[test]
fn few_shutdowns_are_drawn_hollow_hatched_or_not_at_all() {
    let size = Size::of(2, 1, 3);
    let percentiles = samples::percentiles(&size).chart(&samples::context()).expect("drawn");
    assert!(!percentiles.svg.contains("stroke-width=\"2\""), "no line joins what rests on little");
    let survival = samples::survival(&size).chart(&samples::context()).expect("drawn");
    assert!(survival.svg.contains("No group has 20 timed shutdowns"), "{}", survival.svg);
    assert!(survival.svg.contains("Too few to draw"), "{}", survival.svg);
    let hosts = samples::hosts(&size).chart(&samples::context()).expect("drawn");
    assert!(hosts.svg.contains("stroke=\"#FFFFFF\""), "stripes");
}

#[test]
fn a_system_is_named_by_what_tells_it_from_others_and_its_id_is_in_the_table() {
    let id = "http://microsoft.com/win/2k22".to_owned();
    let size = Size { names: vec![id.clone()], ..Size::of(30, 50, 50) };
    let chart = samples::survival(&size).chart(&samples::context()).expect("drawn");
    assert!(texts(&chart.svg).0.iter().any(|text| text.words == "win/2k22"));
    assert_eq!(chart.table.rows[0][0], id);
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_runs_nothing() {
    let charts = drawn(&Size::of(30, 50, 50));
    let page = page(&samples::context(), &[], &charts).expect("a page");
    for forbidden in ["<script", "http://", "https://", "<link", "@import", "url("] {
        let namespace = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!namespace.contains(forbidden), "{forbidden}");
    }
    for chart in &charts {
        assert!(page.contains(&format!("href=\"{}.png\"", chart.name)));
        assert!(page.contains(&format!("href=\"{}.svg\"", chart.name)));
    }
}

#[test]
fn a_small_picture_looks_as_it_did() {
    let size = Size { names: vec!["none".to_owned(), "host.cpu".to_owned()], ..Size::of(2, 3, 40) };
    let context = Context { scope: "3 hosts".to_owned(), synthetic: false };
    insta::assert_snapshot!("phases_svg", samples::phases(&size).chart(&context).expect("drawn").svg);
    insta::assert_snapshot!("hosts_svg", samples::hosts(&size).chart(&context).expect("drawn").svg);
}
