//! softoff-reports
