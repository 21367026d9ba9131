//! Lines of a file of any size: in constant memory, without a copy where a line lies whole in the buffer.

use std::io::{self, BufRead};

use memchr::memchr;

/// The most bytes that are looked at of one line: more than any that libvirt writes, with a command line
/// in one piece, as before its version 5.
pub const LONGEST: usize = 1 << 16;

/// How far a file has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Whole lines.
    pub lines: u64,
    /// Bytes, unpacked.
    pub bytes: u64,
    /// Lines of more than [`LONGEST`] bytes, of which the beginning was read.
    pub too_long: u64,
    /// The last line has no end: it is still being written, or the file was cut.
    pub cut: bool,
}

/// Gives all whole lines to `take`, without their ends and cut to [`LONGEST`].
pub fn each_line(
    input: &mut impl BufRead,
    place: &mut Place,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut begun = Vec::new();
    loop {
        let buffer = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            buffer => buffer?,
        };
        if buffer.is_empty() {
            place.cut = !begun.is_empty();
            return Ok(());
        }
        let mut rest = buffer;
        while let Some(end) = memchr(b'\n', rest) {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            place.lines += 1;
            if begun.is_empty() {
                give(line, place, &mut take)?;
            } else {
                keep(&mut begun, line);
                give(&begun, place, &mut take)?;
                begun.clear();
            }
        }
        keep(&mut begun, rest);
        let length = buffer.len();
        place.bytes += length as u64;
        input.consume(length);
    }
}

/// One byte more than is looked at tells that a line is too long.
fn keep(begun: &mut Vec<u8>, more: &[u8]) {
    let room = (LONGEST + 1).saturating_sub(begun.len());
    begun.extend_from_slice(&more[..more.len().min(room)]);
}

fn give(line: &[u8], place: &mut Place, take: &mut impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    place.too_long += u64::from(line.len() > LONGEST);
    let line = &line[..line.len().min(LONGEST)];
    take(line.strip_suffix(b"\r").unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8], buffer: usize) -> (Vec<Vec<u8>>, Place) {
        let (mut lines, mut place) = (Vec::new(), Place::default());
        let mut input = BufReader::with_capacity(buffer, bytes);
        each_line(&mut input, &mut place, |line| {
            lines.push(line.to_vec());
            Ok(())
        })
        .expect("memory can be read");
        (lines, place)
    }

    #[test]
    fn a_line_without_an_end_does_not_count() {
        let (lines, place) = read(b"one\r\n\ntwo\nthr", 2);
        assert_eq!(lines, [b"one".to_vec(), b"".to_vec(), b"two".to_vec()]);
        assert_eq!(place, Place { lines: 3, bytes: 13, too_long: 0, cut: true });
    }

    #[test]
    fn of_an_endless_line_only_the_beginning_is_held() {
        let long = [vec![b'x'; 3 * LONGEST], b"\nshort\n".to_vec()].concat();
        for buffer in [7, 4096, 1 << 20] {
            let (lines, place) = read(&long, buffer);
            assert_eq!((lines[0].len(), lines[1].as_slice(), place.too_long), (LONGEST, &b"short"[..], 1));
        }
    }

    proptest! {
        #[test]
        fn however_a_file_is_read_its_lines_are_the_same(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
            buffer in 1_usize..64,
        ) {
            prop_assert_eq!(read(&bytes, buffer), read(&bytes, 1 << 16));
        }
    }
}
