//! softoff-guest
