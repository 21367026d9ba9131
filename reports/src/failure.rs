//! An error for people: what was tried, and why it failed, down to the first cause.

use std::error::Error;
use std::io;
use std::iter;

/// The error and its causes, one after the other. Some libraries say a cause in the error above it too:
/// once is enough.
pub fn failure(error: &(dyn Error + 'static)) -> String {
    let mut told = String::new();
    for cause in chain(error).map(ToString::to_string) {
        if !told.contains(&cause) {
            told.push_str(if told.is_empty() { "" } else { ": " });
            told.push_str(&cause);
        }
    }
    told
}

/// Whether whoever read the output has gone: `softoff list | head` is no error.
pub fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    chain(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Told {
        text: &'static str,
        source: Option<Box<dyn Error + Send + Sync>>,
    }

    fn told(text: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Told {
        Told { text, source: Some(source.into()) }
    }

    #[test]
    fn a_cause_that_was_said_is_not_said_again() {
        let refused = Told { text: "connection refused", source: None };
        let error = told("cannot list s3://a", told("no answer: connection refused", refused));
        assert_eq!(failure(&error), "cannot list s3://a: no answer: connection refused");
    }

    #[test]
    fn a_pipe_whose_reader_went_is_found_below_what_was_tried() {
        let gone = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_broken_pipe(&told("cannot write", gone)));
        assert!(!is_broken_pipe(&told("cannot write", io::Error::from(io::ErrorKind::NotFound))));
    }
}
