//! SVG to PNG, with the font built in: the same picture on every machine. Only where a text needs
//! characters that the font lacks are the machine's own fonts asked as well.

use std::sync::Arc;

use dejavu::sans;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use super::font::covers;
use crate::ReportError;

/// Pixels of the PNG per pixel of the SVG, for screens of high density.
const SCALE: f32 = 2.0;

/// `svg` as the bytes of a PNG file.
pub fn png(svg: &str) -> Result<Vec<u8>, ReportError> {
    let options =
        Options { fontdb: Arc::new(fonts(svg)), font_family: "DejaVu Sans".to_owned(), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|error| ReportError::Raster(error.to_string()))?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or_else(too_large)?;
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or_else(too_large)?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| ReportError::Raster(error.to_string()))
}

fn fonts(text: &str) -> Database {
    let mut fonts = Database::new();
    fonts.load_font_data(sans::regular().to_vec());
    fonts.load_font_data(sans::bold().to_vec());
    if !covers(text) {
        fonts.load_system_fonts();
    }
    fonts
}

fn too_large() -> ReportError {
    ReportError::Raster("it has too many pixels; ask for fewer episodes".to_owned())
}
