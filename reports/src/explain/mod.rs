//! One episode, told the way a colleague would: what happened first, then where the time went,
//! what was seen, why, what to do about it, and what was not seen.

mod markdown;
mod text;

pub use markdown::markdown;
pub use text::text;
