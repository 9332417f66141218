#![doc = include_str!("coming_from_langfuse.md")]
