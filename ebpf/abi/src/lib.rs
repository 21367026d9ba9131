//! softoff-abi
