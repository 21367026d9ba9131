//! Having libvirt take a picture of a domain's screen.

use virt::connect::Connect;
use virt::domain::Domain;
use virt::enumutil::Enum;
use virt::error::{Error, ErrorNumber};
use virt::stream::Stream;

use crate::domain::message;

/// The most bytes that are taken of a picture: 5120 × 2880 pixels of 3 bytes, and some more.
const MAX_BYTES: usize = 64 << 20;

/// Bytes that are asked for at once; libvirt gives at most 256 KiB.
const CHUNK: usize = 256 << 10;

/// A picture as libvirt gave it.
#[derive(Debug)]
pub struct Shot {
    /// Its type, e.g. `image/png` or `image/x-portable-pixmap`.
    pub mime: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Takes the first screen's picture; the error is a sentence.
pub fn take(connection: &Connect, domain: &Domain) -> Result<Shot, String> {
    let stream = Stream::new(connection, 0).map_err(|error| refused(&error))?;
    let mime = domain.screenshot(&stream, 0, 0).map_err(|error| refused(&error))?;
    match receive(|buffer| stream.recv(buffer)) {
        Ok(bytes) => {
            // All of it is here: what libvirt thinks of the end does not matter any more.
            let _ = stream.finish();
            Ok(Shot { mime, bytes })
        }
        Err(why) => {
            let _ = stream.abort();
            Err(why)
        }
    }
}

fn receive(mut read: impl FnMut(&mut [u8]) -> Result<isize, Error>) -> Result<Vec<u8>, String> {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; CHUNK]);
    loop {
        let count = read(&mut buffer).map_err(|error| refused(&error))?;
        let Ok(count @ 1..) = usize::try_from(count) else { return Ok(bytes) };
        bytes.extend_from_slice(&buffer[..count.min(CHUNK)]);
        if bytes.len() > MAX_BYTES {
            return Err(format!("the picture has more than {} MiB: it is not kept", MAX_BYTES >> 20));
        }
    }
}

fn refused(error: &Error) -> String {
    match error.code() {
        Enum::Known(ErrorNumber::OperationTimeout) => {
            format!("libvirt is busy with the domain ({})", message(error))
        }
        _ => format!("libvirt gives no picture ({})", message(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_received_until_it_ends() {
        let mut left = [3, 2, 0].into_iter();
        let bytes = receive(|_| Ok(left.next().expect("no more is asked for"))).expect("received");
        assert_eq!(bytes.len(), 5);
    }

    #[test]
    fn a_picture_without_end_is_not_kept() {
        let endless = receive(|buffer| Ok(buffer.len().cast_signed()));
        assert!(endless.expect_err("too much").contains("more than 64 MiB"));
    }
}
