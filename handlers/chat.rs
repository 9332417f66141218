//! The function of the examples.
