//! What tests of warmspan, and of functions that use it, stand on.
