/// The gateway's own settings, as far as the policy has them. Environment and flags go before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerSection {
    /// Address of the data plane: `127.0.0.1:8080`.
    pub listen: Option<String>,
    /// Address of the admin plane: `127.0.0.1:9090`.
    pub admin_listen: Option<String>,
    /// Most bytes of a request's body.
    pub max_body_bytes: Option<u64>,
    /// Most requests at the same time.
    pub max_in_flight: Option<u32>,
    /// After how long a silence a stream to a client is told to be alive, in milliseconds.
    pub keep_alive_ms: Option<u64>,
    /// How long requests in flight may take to finish at shutdown, in milliseconds.
    pub drain_ms: Option<u64>,
    /// What is logged: `info`, or directives such as `steelyard=debug,info`.
    pub log_level: Option<String>,
    /// How it is logged.
    pub log_format: Option<LogFormat>,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// The word used in policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}
