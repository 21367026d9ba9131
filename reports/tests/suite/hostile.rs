//! Names and texts come from guests and operators: whatever they hold, it is shown and never acts.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};
use softoff_analyzer::Episode;
use softoff_reports::{Pictures, Screen, explain, list, page, page_with, plot, to_json, visible};

use crate::episodes;

/// Any text, but more often one that tries something.
fn any_text() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "<",
        ">",
        "&",
        "\"",
        "'",
        "<script>",
        "</svg>",
        "</style>",
        "]]>",
        "<!--",
        "\u{1b}[2J",
        "\u{9b}",
        "\n",
        "\r",
        "\t",
        "\u{0}",
        "\u{7f}",
        "\u{202e}",
        "\u{2066}",
        "\u{200b}",
        "\u{feff}",
        "\u{ffff}",
        "\u{fffe}",
        "\u{e0041}",
        "\u{2028}",
        "|",
        "`",
        "*",
        "_",
        "[a](b)",
        "http://x.y",
        "www.x.y",
        "\\",
        "# ",
        "- ",
        "1. ",
        "    ",
        "&lt;",
        "{{",
        "漢",
        "🙂",
        "e\u{301}",
        "name",
    ]);
    let pieces = prop::collection::vec(nasty, 0..12).prop_map(|pieces| pieces.concat());
    prop_oneof![pieces, any::<String>()]
}

pub fn hostile_episode() -> impl Strategy<Value = Episode> {
    (any_text(), any_text(), any_text(), 0_usize..9).prop_map(|(name, text, other, shape)| {
        let mut episode = episodes::episodes().swap_remove(shape);
        episode.domain.name = Some(name);
        episode.domain.os = Some(text.clone());
        episode.host.clone_from(&other);
        episode.request.by = Some(other.clone());
        for evidence in &mut episode.evidence {
            evidence.text.clone_from(&text);
            evidence.picture = Some(other.clone());
        }
        episode.domain.os_source = Some("agent".to_owned());
        if episode.guest_log.is_some() {
            episode.guest_log = Some(episodes::log(&text));
        }
        episode.advice = vec![text.clone(), other.clone()];
        episode.completeness.missing = vec![other];
        if let Some(risk) = &mut episode.risk {
            risk.text = text;
        }
        episode
    })
}

/// Controls but for the newline, and what hides or turns text.
fn acts(c: char) -> bool {
    let hidden =
        ['\u{200b}', '\u{202e}', '\u{2066}', '\u{2028}', '\u{feff}', '\u{e0041}', '\u{fffe}', '\u{ffff}'];
    (c.is_control() && c != '\n') || hidden.contains(&c)
}

/// The pictures of an episode: every one could be had, or could not, with its own name for the reason.
fn pictures(episode: &Episode) -> Pictures {
    let mut pictures = Pictures::default();
    for (index, evidence) in episode.evidence.iter().enumerate() {
        if let Some(file) = &evidence.picture {
            let hostile = b"\x89PNG\r\n\x1a\n\"><script>".to_vec();
            pictures.add(file, if index % 2 == 0 { Ok(hostile) } else { Err(file.clone()) });
        }
    }
    pictures
}

/// The elements of a well-formed document, and how many of each.
fn elements(xml: &str) -> std::collections::BTreeMap<String, usize> {
    let document = roxmltree::Document::parse(xml).expect("well-formed XML");
    let mut counts = std::collections::BTreeMap::new();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        *counts.entry(node.tag_name().name().to_owned()).or_default() += 1;
    }
    counts
}

/// The elements of the page: HTML only because of these, which XML would want closed.
fn page_elements(page: &str) -> std::collections::BTreeMap<String, usize> {
    let closed = page.replacen("<!DOCTYPE html>", "", 1).replace("<br>", "<br/>");
    let lines = closed.lines().map(|line| match line.strip_suffix('>') {
        Some(meta) if meta.starts_with("<meta ") => format!("{meta}/>\n"),
        _ => format!("{line}\n"),
    });
    elements(&lines.collect::<String>())
}

fn harmless(mut episode: Episode) -> Episode {
    let ok = || "ok".to_owned();
    episode.domain.name = Some(ok());
    episode.domain.os = Some(ok());
    episode.host = ok();
    episode.request.by = Some(ok());
    for evidence in &mut episode.evidence {
        evidence.text = ok();
        evidence.picture = Some(ok());
    }
    episode.guest_log = episode.guest_log.map(|_| episodes::log("ok"));
    episode.advice.iter_mut().for_each(|advice| *advice = ok());
    episode.completeness.missing = vec![ok()];
    if let Some(risk) = &mut episode.risk {
        risk.text = ok();
    }
    episode
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_text_for_people_holds_a_character_that_acts(episode in hostile_episode()) {
        let screen = Screen { width: Some(80), colour: false };
        let shown = [
            list(std::slice::from_ref(&episode), screen),
            list(std::slice::from_ref(&episode), Screen::PLAIN),
            explain::text(&episode, screen),
            explain::markdown(&episode),
            plot::svg(&[&episode]).expect("an SVG"),
            page(&[&episode]).expect("a page"),
            page_with(&[&episode], &pictures(&episode)).expect("a page"),
            to_json(&episode).expect("JSON"),
        ];
        for text in shown {
            prop_assert!(!text.contains(acts), "{text:?}");
        }
    }

    #[test]
    fn a_name_takes_one_line_of_the_list(episode in hostile_episode()) {
        let screen = Screen { width: Some(100), colour: false };
        let lines = list(&[episode.clone(), episode], screen).lines().count();
        prop_assert_eq!(lines, 5);
    }

    #[test]
    fn json_reads_back_as_what_was_written(text in any_text()) {
        let json = to_json(&text).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<String>(&json).expect("reads back"), text);
    }

    #[test]
    fn a_picture_is_xml_of_shapes_and_texts_only(episode in hostile_episode()) {
        let svg = plot::svg(&[&episode]).expect("an SVG");
        let known = ["svg", "rect", "circle", "text", "polyline", "polygon", "line"];
        for element in elements(&svg).keys() {
            prop_assert!(known.contains(&element.as_str()), "<{element}>");
        }
    }

    #[test]
    fn a_name_adds_no_element_to_the_page(episode in hostile_episode()) {
        let harmless = harmless(episode.clone());
        let shown = |episode: &Episode| page_with(&[episode], &pictures(episode)).expect("a page");
        let mut expected = page_elements(&shown(&harmless));
        let mut found = page_elements(&shown(&episode));
        // How many advices there are, and how many lines a title takes, is the episode's own.
        for counts in [&mut expected, &mut found] {
            counts.remove("text");
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn markdown_shows_texts_as_they_are(episode in hostile_episode()) {
        let markdown = explain::markdown(&episode);
        let mut shown = String::new();
        for event in Parser::new_ext(&markdown, Options::ENABLE_TABLES) {
            match event {
                Event::Html(html) | Event::InlineHtml(html) => prop_assert!(false, "HTML {html:?} in {markdown}"),
                Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::Emphasis | Tag::Strong | Tag::CodeBlock(_)) => {
                    prop_assert!(false, "markup in {markdown}");
                }
                Event::Text(text) | Event::Code(text) => shown.push_str(&text),
                _ => {}
            }
        }
        for advice in &episode.advice {
            let advice = visible(advice);
            prop_assert!(shown.contains(advice.trim()), "{advice:?} in {shown:?}");
        }
    }
}

#[test]
fn a_huge_name_stays_bounded_everywhere() {
    let mut episode = episodes::clean();
    episode.domain.name = Some("x".repeat(1 << 20));
    let screen = Screen { width: Some(80), colour: false };
    assert!(list(&[episode.clone()], screen).len() < 2000);
    assert!(explain::text(&episode, Screen::PLAIN).len() < 10_000);
    assert!(plot::svg(&[&episode]).expect("an SVG").len() < 50_000);
    assert!(page(&[&episode]).expect("a page").len() < 100_000);
}

#[test]
fn a_screen_full_of_text_stays_bounded_everywhere() {
    let mut episode = episodes::looked_at();
    for evidence in &mut episode.evidence {
        evidence.text = "<b>\u{202e}".repeat(1 << 16);
        evidence.picture = Some("../".repeat(1 << 16));
    }
    assert!(explain::text(&episode, Screen::PLAIN).len() < 50_000);
    assert!(explain::markdown(&episode).len() < 50_000);
    assert!(page(&[&episode]).expect("a page").len() < 150_000);
}

#[test]
fn the_page_fetches_nothing_and_runs_nothing() {
    let episodes = episodes::episodes();
    let shown: Vec<_> = episodes.iter().collect();
    let mut pictures = Pictures::default();
    pictures.add("screens/3f2a9c41-4242-7-1.png", Ok(vec![0x89, b'P', b'N', b'G']));
    let page = page_with(&shown, &pictures).expect("a page");
    for active in ["<script", "<link", "<iframe", "@import", "url(", " onload", "srcset"] {
        assert!(!page.contains(active), "{active}");
    }
    let addresses: Vec<_> = page.split(" src=\"").skip(1).collect();
    assert_eq!(addresses.len(), 1);
    assert!(addresses[0].starts_with("data:image/png;base64,"), "pictures are in the page itself");
    for href in page.split("href=\"").skip(1) {
        assert!(href.starts_with('#'), "{}", &href[..20]);
    }
}
