//! A path of each API.

/// The first byte of the input chooses one.
pub const PATHS: [&str; 17] = [
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/messages",
    "/v1beta/models/m:generateContent",
    "/v1beta/models/m:embedContent",
    "/v1beta/interactions",
    "/api/chat",
    "/api/generate",
    "/api/embed",
    "/model/m/converse",
    "/model/m/invoke",
    "/model/embed/invoke",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
    "/v1/images/generations",
];
