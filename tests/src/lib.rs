//! softoff-lab
