//! Where the texts of a picture are.

use roxmltree::Document;
use softoff_reports::plot::Face;

/// A text and the rectangle it takes.
#[derive(Debug, Clone)]
pub struct Text {
    pub words: String,
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Text {
    pub fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

/// All texts of a picture, and its width and height.
pub fn texts(svg: &str) -> (Vec<Text>, f64, f64) {
    let document = Document::parse(svg).unwrap_or_else(|error| panic!("{error} in {svg}"));
    let root = document.root_element();
    let number = |node: roxmltree::Node<'_, '_>, name: &str| -> f64 {
        node.attribute(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| panic!("{name} in {node:?}"))
    };
    let text = |node: roxmltree::Node<'_, '_>| {
        let text = node.text().unwrap_or_default().trim().to_owned();
        let (x, y, size) = (number(node, "x"), number(node, "y"), number(node, "font-size"));
        #[expect(clippy::cast_possible_truncation, reason = "a size of a font")]
        let face = Face { size: size as f32, bold: node.attribute("font-weight") == Some("bold") };
        let width = f64::from(face.width(&text));
        let left = match node.attribute("text-anchor") {
            Some("end") => x - width,
            Some("middle") => x - width / 2.0,
            _ => x,
        };
        // From the top of capitals to the baseline.
        Text { words: text, left, right: left + width, top: y - size * 0.4, bottom: y + size * 0.4 }
    };
    let texts = root.descendants().filter(|node| node.has_tag_name("text")).map(text).collect();
    (texts, number(root, "width"), number(root, "height"))
}
