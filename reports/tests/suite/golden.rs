//! Golden files: review a change with `cargo insta review`.

use softoff_analyzer::Episode;
use softoff_analyzer::episode::{Outcome, Verdict};
use softoff_reports::{Pictures, Screen, explain, list, page, page_with, plot, to_json};

use crate::episodes;

fn each(suffix: &str, show: impl Fn(&Episode) -> String) {
    for (name, episode) in episodes::all() {
        insta::assert_snapshot!(format!("{name}_{suffix}"), show(&episode));
    }
}

#[test]
fn the_list_is_a_table_cut_to_the_terminal() {
    let screen = Screen { width: Some(110), colour: false };
    insta::assert_snapshot!(list(&episodes::episodes(), screen));
}

#[test]
fn the_list_goes_whole_into_a_pipe() {
    insta::assert_snapshot!(list(&episodes::episodes(), Screen::PLAIN));
}

#[test]
fn colour_marks_the_verdict_where_it_is_welcome() {
    let screen = Screen { width: Some(110), colour: true };
    let text = list(&[episodes::ignored()], screen) + &explain::text(&episodes::hard(), screen);
    insta::assert_snapshot!(text.replace('\u{1b}', "ESC"));
}

#[test]
fn every_end_has_its_headline() {
    use Outcome::{Crashed, Hard, Ignored, Migrated, Pending, Rebooted, Saved, Slept, Soft, Unknown};
    let mut headlines = Vec::new();
    for outcome in [Soft, Hard, Slept, Rebooted, Crashed, Ignored, Pending, Saved, Migrated, Unknown] {
        for verdict in [Verdict::Clean, Verdict::Slow, Verdict::Failed, Verdict::Unknown] {
            let episode = Episode { outcome, verdict, ..episodes::clean() };
            let text = explain::text(&episode, Screen::PLAIN);
            let headline = text.lines().next().unwrap_or_default();
            headlines.push(format!("{outcome:?} {verdict:?}: {headline}"));
        }
    }
    insta::assert_snapshot!(headlines.join("\n"));
}

#[test]
fn a_narrow_terminal_gets_narrow_lines() {
    let text = explain::text(&episodes::ignored(), Screen { width: Some(60), colour: false });
    insta::assert_snapshot!(text);
}

#[test]
fn an_explanation_reads_well_as_text() {
    each("text", |episode| explain::text(episode, Screen::PLAIN));
}

#[test]
fn an_explanation_reads_well_as_markdown() {
    each("markdown", explain::markdown);
}

#[test]
fn a_timeline_shows_phases_and_sightings() {
    each("svg", |episode| plot::svg(&[episode]).expect("an SVG"));
}

#[test]
fn the_page_holds_every_shutdown() {
    let episodes = episodes::episodes();
    insta::assert_snapshot!(page(&episodes.iter().collect::<Vec<_>>()).expect("a page"));
}

#[test]
fn the_page_holds_the_pictures_that_could_be_had_and_says_why_not_otherwise() {
    let mut pictures = Pictures::default();
    pictures.add("screens/3f2a9c41-4242-7-1.png", Ok(b"\x89PNG\r\n\x1a\n and so on".to_vec()));
    pictures.add("screens/3f2a9c41-4242-7-2.png", Err("the file is not there".to_owned()));
    let page = page_with(&[&episodes::looked_at()], &pictures).expect("a page");
    let (_, shots) = page.split_once("<section class=\"shots\">").expect("pictures");
    let (shots, _) = shots.split_once("</section>").expect("an end");
    assert_eq!(shots.matches("<img").count(), 1, "a picture stands once, however often it was taken");
    insta::assert_snapshot!(shots);
}

#[test]
fn the_page_of_no_shutdowns_says_so() {
    insta::assert_snapshot!(page(&[]).expect("a page"));
}

#[test]
fn json_is_the_contract_as_it_is() {
    let episode = episodes::ignored();
    let json = to_json(&episode).expect("JSON");
    assert_eq!(serde_json::from_str::<Episode>(&json).expect("reads back"), episode);
    insta::assert_snapshot!(json);
}

#[test]
fn a_png_is_twice_the_size_of_its_svg_and_not_blank() {
    let svg = plot::svg(&[&episodes::clean()]).expect("an SVG");
    let png = plot::png(&svg).expect("a PNG");
    let image = resvg::tiny_skia::Pixmap::decode_png(&png).expect("decodes");
    assert_eq!(image.width(), 2000);
    let blue = resvg::tiny_skia::PremultipliedColorU8::from_rgba(0x00, 0x72, 0xB2, 0xFF).expect("a colour");
    let guest = image.pixels().iter().filter(|pixel| **pixel == blue).count();
    assert!(guest > 20_000, "the guest's bar is {guest} pixels");
}

#[test]
fn a_png_has_its_texts_drawn_with_the_built_in_font() {
    let ink = |text: &str| {
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='200' height='40'>\
             <text x='5' y='25' font-family='DejaVu Sans, Verdana'>{text}</text></svg>"
        );
        let image = resvg::tiny_skia::Pixmap::decode_png(&plot::png(&svg).expect("a PNG")).expect("decodes");
        image.pixels().iter().filter(|pixel| pixel.alpha() > 0).count()
    };
    assert_eq!(ink(" "), 0);
    assert!(ink("shutdown") > 500);
}
