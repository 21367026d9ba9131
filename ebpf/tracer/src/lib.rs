//! softoff-tracer
