//! The limits of histograms' buckets.

use std::str::FromStr;

/// Upper limits in seconds, ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct Buckets(Vec<f64>);

/// The most buckets: each is a series for every histogram of every host.
const AT_MOST: usize = 40;

impl Default for Buckets {
    /// Around what people wait for: 60 s is slow, 300 s is when libvirt-guests gives up. One at 240 s,
    /// so that coming close to that shows; two beyond it for guests that install updates.
    fn default() -> Self {
        Self(vec![1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 240.0, 300.0, 600.0, 1800.0])
    }
}

impl Buckets {
    /// The limits, in seconds.
    pub fn limits(&self) -> &[f64] {
        &self.0
    }
}

/// Why limits cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BucketsError {
    /// Not a number.
    #[error("\"{0}\" is no number; name upper limits in seconds, such as 1,5,15,30,60,120,300")]
    NotANumber(String),
    /// Zero, negative, infinite or no number at all.
    #[error(
        "{0} is no length of time: limits are above 0 and finite; what takes longer than the last is counted anyhow"
    )]
    NotALength(f64),
    /// Out of order, or there twice.
    #[error("{1} comes after {0}: put the limits in ascending order, each once")]
    NotAscending(f64, f64),
    /// So many that they would be a burden.
    #[error("{0} limits are too many, each is a series for every histogram of every host; {AT_MOST} at most")]
    TooMany(usize),
}

impl FromStr for Buckets {
    type Err = BucketsError;

    fn from_str(text: &str) -> Result<Self, BucketsError> {
        let limits = text.split(',').map(|limit| number(limit.trim())).collect::<Result<Vec<_>, _>>()?;
        if let Some(pair) = limits.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(BucketsError::NotAscending(pair[0], pair[1]));
        }
        if limits.len() > AT_MOST {
            return Err(BucketsError::TooMany(limits.len()));
        }
        Ok(Self(limits))
    }
}

fn number(text: &str) -> Result<f64, BucketsError> {
    let limit: f64 = text.parse().map_err(|_| BucketsError::NotANumber(crate::visible(text).into_owned()))?;
    if limit.is_finite() && limit > 0.0 { Ok(limit) } else { Err(BucketsError::NotALength(limit)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascending_lengths_are_taken() {
        let buckets: Buckets = "0.5, 15,300".parse().expect("limits");
        assert_eq!(buckets.limits(), [0.5, 15.0, 300.0]);
    }

    #[test]
    fn the_default_could_have_been_typed() {
        let typed = Buckets::default().limits().iter().map(f64::to_string).collect::<Vec<_>>().join(",");
        assert_eq!(typed.parse(), Ok(Buckets::default()));
    }

    #[test]
    fn anything_else_is_refused_with_words() {
        let told = |text: &str| text.parse::<Buckets>().expect_err("refused").to_string();
        for text in ["", "1,,5", "1,x", "1s"] {
            assert!(told(text).contains("is no number"), "{text}");
        }
        for text in ["0", "-1,5", "1,inf", "NaN", "1e999"] {
            assert!(told(text).contains("is no length of time"), "{text}");
        }
        for text in ["5,1", "1,1"] {
            assert!(told(text).contains("ascending order"), "{text}");
        }
        let many: Vec<_> = (1..=41).map(|limit| limit.to_string()).collect();
        assert!(told(&many.join(",")).contains("41 limits are too many"));
    }
}
