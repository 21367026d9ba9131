//! What the formats look like (golden files) and what must never come out of them.

mod episodes;
mod golden;
mod hostile;
mod metrics;
