#![doc = include_str!("azure.md")]
