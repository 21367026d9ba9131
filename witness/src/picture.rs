//! A picture of a screen: decoded, judged and compared. All of it is the guest's own doing.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, ImageReader, Limits, RgbImage};

/// The most pixels of a side. The largest screens that are sold have 7680.
const MAX_SIDE: u32 = 16_384;

/// The most memory that decoding may take, in bytes.
const MAX_MEMORY: u64 = 256 << 20;

/// The brightest that a channel of a dark pixel may be, of 255.
const DARK: u8 = 16;

/// The size of the largest cursor of a text, in pixels.
const CURSOR: (u32, u32) = (16, 32);

/// Decodes a picture; the error is a sentence.
pub fn decode(mime: &str, bytes: &[u8]) -> Result<RgbImage, String> {
    let format = match mime {
        "image/png" => ImageFormat::Png,
        "image/x-portable-pixmap" => ImageFormat::Pnm,
        other => return Err(format!("libvirt gives a picture of another kind: {}", other.escape_debug())),
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    reader
        .decode()
        .map(DynamicImage::into_rgb8)
        .map_err(|error| format!("the picture cannot be read: {error}"))
}

/// Whether nothing is lit, but for a text's cursor.
pub fn is_black(picture: &RgbImage) -> bool {
    let lit = Differing::among(
        picture.enumerate_pixels().filter(|(_, _, pixel)| pixel.0.iter().any(|&channel| channel > DARK)),
    );
    lit.is_none_or(|lit| lit.is_a_cursor())
}

/// Whether two pictures show the same, but for the blinking of a text's cursor.
pub fn show_the_same(one: &RgbImage, other: &RgbImage) -> bool {
    if one.dimensions() != other.dimensions() {
        return false;
    }
    let pairs = one.enumerate_pixels().zip(other.pixels());
    let differing =
        Differing::among(pairs.filter(|((_, _, one), other)| one != other).map(|(pixel, _)| pixel));
    differing.is_none_or(|differing| differing.is_a_cursor())
}

/// Pixels that stand out: how many, and the rectangle they lie in.
#[derive(Debug)]
struct Differing {
    count: u64,
    left: u32,
    right: u32,
    top: u32,
    bottom: u32,
}

impl Differing {
    /// `None` where there are none.
    fn among<'a>(pixels: impl Iterator<Item = (u32, u32, &'a image::Rgb<u8>)>) -> Option<Self> {
        pixels.fold(None, |found, (x, y, _)| {
            let Self { count, left, right, top, bottom } =
                found.unwrap_or(Self { count: 0, left: x, right: x, top: y, bottom: y });
            Some(Self {
                count: count + 1,
                left: left.min(x),
                right: right.max(x),
                top: top.min(y),
                bottom: bottom.max(y),
            })
        })
    }

    /// A cursor is a filled rectangle. A letter of its size is not: a percentage that goes from 3 to 4
    /// is a change.
    fn is_a_cursor(&self) -> bool {
        let (width, height) = (self.right - self.left + 1, self.bottom - self.top + 1);
        width <= CURSOR.0 && height <= CURSOR.1 && self.count == u64::from(width) * u64::from(height)
    }
}

/// Encodes it as PNG; the error is a sentence.
pub fn png(picture: &RgbImage) -> Result<Vec<u8>, String> {
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|error| format!("the picture cannot be written as PNG: {error}"))?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use proptest::prelude::*;

    use super::*;

    const WHITE: Rgb<u8> = Rgb([255; 3]);

    fn blank() -> RgbImage {
        RgbImage::new(720, 400)
    }

    /// A filled rectangle of this size, somewhere on it.
    fn with_block(mut picture: RgbImage, width: u32, height: u32) -> RgbImage {
        for (x, y) in (0..width).flat_map(|x| (0..height).map(move |y| (x, y))) {
            picture.put_pixel(90 + x, 64 + y, WHITE);
        }
        picture
    }

    /// Something like a letter: the outline of a block.
    fn with_letter(picture: RgbImage) -> RgbImage {
        let mut picture = with_block(picture, 8, 12);
        picture.put_pixel(94, 70, Rgb([0; 3]));
        picture
    }

    #[test]
    fn a_dark_screen_is_black_with_a_cursor_and_without() {
        assert!(is_black(&blank()));
        assert!(is_black(&with_block(blank(), 9, 2)), "VGA's underline");
        assert!(is_black(&with_block(blank(), 8, 16)), "a block");
        assert!(is_black(&RgbImage::from_pixel(80, 25, Rgb([DARK, 0, DARK]))), "not quite dark");
    }

    #[test]
    fn a_screen_with_a_letter_or_a_pointer_is_not_black() {
        assert!(!is_black(&with_letter(blank())));
        assert!(!is_black(&with_block(blank(), 33, 40)), "larger than a cursor");
        assert!(!is_black(&RgbImage::from_pixel(80, 25, Rgb([0, 0, 120]))), "blue");
    }

    #[test]
    fn a_blinking_cursor_is_no_change_and_a_letter_is_one() {
        let before = with_letter(blank());
        assert!(show_the_same(&before, &before));
        let mut cursor = before.clone();
        (0..9).for_each(|x| cursor.put_pixel(200 + x, 200, WHITE));
        assert!(show_the_same(&before, &cursor));
        assert!(!show_the_same(&blank(), &before));
        assert!(!show_the_same(&before, &RgbImage::new(640, 480)), "of another size");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let picture = with_letter(blank());
        assert_eq!(decode("image/png", &png(&picture).expect("encode")).expect("decode"), picture);
    }

    #[test]
    fn a_ppm_as_qemu_writes_it_is_read() {
        let bytes = [b"P6\n2 1\n255\n".as_slice(), &[1, 2, 3, 4, 5, 6]].concat();
        let picture = decode("image/x-portable-pixmap", &bytes).expect("decode");
        assert_eq!((picture.dimensions(), picture.into_raw()), ((2, 1), vec![1, 2, 3, 4, 5, 6]));
    }

    #[test]
    fn a_picture_that_claims_to_be_huge_is_refused() {
        for header in ["P6\n4294967295 4294967295\n255\n", "P6\n16385 1\n255\n", "P6\n16384 16384\n255\n"] {
            decode("image/x-portable-pixmap", header.as_bytes()).expect_err(header);
        }
        let other = decode("image/\u{1b}[2J", b"").expect_err("of another kind");
        assert!(!other.contains('\u{1b}'), "{other}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_picture_or_refused(bytes: Vec<u8>, png: bool) {
            let (mime, magic) = if png { ("image/png", b"\x89PNG\r\n\x1a\n".as_slice()) }
                else { ("image/x-portable-pixmap", b"P6\n".as_slice()) };
            let _ = decode(mime, &bytes);
            let _ = decode(mime, &[magic, &bytes].concat());
        }

        #[test]
        fn a_picture_shows_the_same_as_itself(width in 1..40_u32, height in 1..40_u32, raw in prop::collection::vec(any::<u8>(), 4800)) {
            let picture = RgbImage::from_raw(width, height, raw[..(width * height * 3) as usize].to_vec())
                .expect("as many bytes as pixels");
            prop_assert!(show_the_same(&picture, &picture));
        }
    }
}
