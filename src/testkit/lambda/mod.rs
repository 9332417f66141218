//! A Lambda emulator.
