//! Names that guests choose, and figures at their limits.

use proptest::prelude::*;
use softoff_charts::page::page;

use crate::samples::{self, Size};
use crate::text::texts;

const NAMES: [&str; 10] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "a\u{0}b\u{1b}[2Jc\u{7f}",
    "\u{202e}gnp.exe\u{2066}",
    "&amp;&lt;]]>",
    "",
    "שלום עולם ‏العربية",
    "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
    "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
    "a\u{301}\u{301}\u{301}\u{301}\u{ffff}\u{fffe}\n\t\r",
];

fn is_sound(size: &Size) {
    let charts = samples::charts(size).expect("drawn");
    for chart in &charts {
        let (texts, width, height) = texts(&chart.svg);
        for text in &texts {
            let inside = text.left >= 0.0 && text.right <= width && text.top >= 0.0 && text.bottom <= height;
            assert!(inside, "{}: {text:?} of {width} x {height}", chart.name);
        }
        for (index, text) in texts.iter().enumerate() {
            let other = texts[index + 1..].iter().find(|other| text.overlaps(other));
            assert!(other.is_none(), "{}: {text:?} on {other:?}", chart.name);
        }
    }
    let page = page(&samples::context(), &[], &charts).expect("a page");
    for dangerous in ["<script", "<img", "\u{1b}", "\u{0}", "\u{202e}"] {
        assert!(!page.contains(dangerous), "{dangerous:?}");
    }
}

#[test]
fn hostile_names_act_on_nothing_and_overlap_nothing() {
    for (days, hosts) in [(3, 8), (30, 100)] {
        is_sound(&Size { names: NAMES.map(str::to_owned).into(), ..Size::of(days, hosts, 50) });
    }
}

#[test]
fn a_name_of_a_megabyte_is_cut() {
    let size = Size { names: vec!["x".repeat(1 << 20); 6], ..Size::of(3, 5, 50) };
    is_sound(&size);
    let charts = samples::charts(&size).expect("drawn");
    assert!(page(&samples::context(), &[], &charts).expect("a page").len() < 1 << 20);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn any_fleet_with_any_names_can_be_drawn(
        days in 1_u64..1500,
        hosts in 0_u64..200,
        per_day in 0_u64..100_000,
        names in prop::collection::vec(".{0,60}", 0..12),
    ) {
        is_sound(&Size { names, ..Size::of(days, hosts, per_day) });
    }
}
