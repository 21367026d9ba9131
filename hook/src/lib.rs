//! What the hook program does, and how it is put in place.
