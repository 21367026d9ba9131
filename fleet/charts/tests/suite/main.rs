//! What the charts hold for any values, and what they look like for some: the pictures of the samples are
//! written to the target directory (`tmp/charts`), to be looked at.

mod hostile;
mod look;
mod samples;
mod text;
