//! Extractors for the APIs of LLM providers, and the seams that feed them.
