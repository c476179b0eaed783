//! The gateway's own settings, layered: defaults, the policy's `server:` section, the environment
//! (`STEELYARD__SERVER__LISTEN`), flags. Later layers win.

use std::net::{IpAddr, SocketAddr};

use config::{Config, ConfigError, Environment};
use serde::Deserialize;
use steelyard_policy::ServerSection;

/// Prefix of environment variables.
const ENVIRONMENT_PREFIX: &str = "STEELYARD";
/// Between the words of an environment variable.
const ENVIRONMENT_SEPARATOR: &str = "__";

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The listeners and their bounds.
    pub server: ServerSettings,
}

/// The listeners and their bounds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// Address of the data plane.
    pub listen: SocketAddr,
    /// Address of the admin plane.
    pub admin_listen: SocketAddr,
    /// Most bytes of a request's body.
    pub max_body_bytes: usize,
    /// Most bytes of a provider's unary answer.
    pub max_answer_bytes: usize,
    /// Most requests at the same time.
    pub max_in_flight: usize,
    /// How long a client may take to send a body, in milliseconds.
    pub body_timeout_ms: u64,
    /// After how long a silence a stream to a client is told to be alive, in milliseconds.
    pub keep_alive_ms: u64,
    /// How long requests in flight may take to finish at shutdown, in milliseconds.
    pub drain_ms: u64,
    /// What is logged: `info`, or directives such as `steelyard=debug,info`.
    pub log_level: String,
    /// How it is logged.
    pub log_format: LogFormat,
}

/// The form of operational log lines. The request log is always JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What flags say; `None` leaves it to the other layers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// Address of the data plane.
    pub listen: Option<SocketAddr>,
    /// Address of the admin plane.
    pub admin_listen: Option<SocketAddr>,
    /// What is logged.
    pub log_level: Option<String>,
    /// How it is logged.
    pub log_format: Option<LogFormat>,
}

impl Settings {
    /// Layers the settings.
    ///
    /// # Errors
    /// A value of the wrong type, or an environment variable with this prefix that names no
    /// setting.
    pub fn layer(section: &ServerSection, flags: &Flags) -> Result<Self, ConfigError> {
        let environment = Environment::with_prefix(ENVIRONMENT_PREFIX)
            .prefix_separator(ENVIRONMENT_SEPARATOR)
            .separator(ENVIRONMENT_SEPARATOR)
            .try_parsing(true);
        Self::layer_with(section, environment, flags)
    }

    fn layer_with(
        section: &ServerSection,
        environment: Environment,
        flags: &Flags,
    ) -> Result<Self, ConfigError> {
        let text = |address: Option<SocketAddr>| address.map(|address| address.to_string());
        let log_format = flags.log_format.map(|format| match format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        });
        let settings: Self = Config::builder()
            .set_default("server.listen", "127.0.0.1:8080")?
            .set_default("server.admin_listen", "127.0.0.1:9090")?
            .set_default("server.max_body_bytes", 16_u64 << 20)?
            .set_default("server.max_answer_bytes", 64_u64 << 20)?
            .set_default("server.max_in_flight", 10_000_u64)?
            .set_default("server.body_timeout_ms", 60_000_u64)?
            .set_default("server.keep_alive_ms", 15_000_u64)?
            .set_default("server.drain_ms", 30_000_u64)?
            .set_default("server.log_level", "info")?
            .set_default("server.log_format", "text")?
            .add_source(section_source(section)?)
            .add_source(environment)
            .set_override_option("server.listen", text(flags.listen))?
            .set_override_option("server.admin_listen", text(flags.admin_listen))?
            .set_override_option("server.log_level", flags.log_level.clone())?
            .set_override_option("server.log_format", log_format)?
            .build()?
            .try_deserialize()?;
        settings.server.check()?;
        Ok(settings)
    }
}

impl ServerSettings {
    /// Bounds of zero would refuse every request, or fill every silence, which nobody means.
    fn check(&self) -> Result<(), ConfigError> {
        let bounds = [
            ("max_body_bytes", self.max_body_bytes == 0),
            ("max_answer_bytes", self.max_answer_bytes == 0),
            ("max_in_flight", self.max_in_flight == 0),
            ("body_timeout_ms", self.body_timeout_ms == 0),
            ("keep_alive_ms", self.keep_alive_ms == 0),
        ];
        match bounds.iter().find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => Err(ConfigError::Message(format!(
                "server.{name} must be at least 1"
            ))),
            None => Ok(()),
        }
    }
}

/// The policy's `server:` section as a layer. It was checked, with positions, by the policy loader.
fn section_source(section: &ServerSection) -> Result<Config, ConfigError> {
    let mut builder = Config::builder();
    let texts = [
        ("server.listen", section.listen.clone()),
        ("server.admin_listen", section.admin_listen.clone()),
        ("server.log_level", section.log_level.clone()),
        (
            "server.log_format",
            section.log_format.map(|format| format.as_str().to_owned()),
        ),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            builder = builder.set_override(key, value)?;
        }
    }
    let numbers = [
        ("server.max_body_bytes", section.max_body_bytes),
        ("server.max_in_flight", section.max_in_flight.map(u64::from)),
        ("server.keep_alive_ms", section.keep_alive_ms),
        ("server.drain_ms", section.drain_ms),
    ];
    for (key, value) in numbers {
        if let Some(value) = value {
            builder = builder.set_override(key, value)?;
        }
    }
    builder.build()
}

/// Whether an address can be reached from this machine only.
#[must_use]
pub fn is_loopback(address: SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables = variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Environment::with_prefix(ENVIRONMENT_PREFIX)
            .prefix_separator(ENVIRONMENT_SEPARATOR)
            .separator(ENVIRONMENT_SEPARATOR)
            .try_parsing(true)
            .source(Some(variables.collect()))
    }

    #[test]
    fn later_layers_win() {
        let section = ServerSection {
            listen: Some("127.0.0.1:1".to_owned()),
            admin_listen: Some("127.0.0.1:2".to_owned()),
            max_body_bytes: Some(1_000),
            ..ServerSection::default()
        };
        let variables = environment(&[
            ("STEELYARD__SERVER__ADMIN_LISTEN", "127.0.0.1:3"),
            ("STEELYARD__SERVER__LISTEN", "127.0.0.1:4"),
            ("STEELYARD__SERVER__MAX_IN_FLIGHT", "7"),
        ]);
        let flags = Flags {
            listen: Some(([127, 0, 0, 1], 5).into()),
            ..Flags::default()
        };
        let settings = Settings::layer_with(&section, variables, &flags).expect("valid");
        assert_eq!(settings.server.listen.port(), 5);
        assert_eq!(settings.server.admin_listen.port(), 3);
        assert_eq!(settings.server.max_body_bytes, 1_000);
        assert_eq!(settings.server.max_in_flight, 7);
        assert_eq!(settings.server.drain_ms, 30_000);
    }

    #[test]
    fn a_bound_of_zero_is_an_error() {
        for name in [
            "MAX_BODY_BYTES",
            "MAX_ANSWER_BYTES",
            "MAX_IN_FLIGHT",
            "BODY_TIMEOUT_MS",
            "KEEP_ALIVE_MS",
        ] {
            let variables = environment(&[(&format!("STEELYARD__SERVER__{name}"), "0")]);
            let settings =
                Settings::layer_with(&ServerSection::default(), variables, &Flags::default());
            let error = settings.expect_err("it would refuse everything");
            assert!(
                error.to_string().contains(&name.to_lowercase()),
                "{name}: {error}"
            );
        }
    }

    #[test]
    fn a_variable_that_names_nothing_is_an_error() {
        let variables = environment(&[("STEELYARD__SERVER__LISTN", "127.0.0.1:3")]);
        let error = Settings::layer_with(&ServerSection::default(), variables, &Flags::default())
            .expect_err("a typing error must not pass unseen");
        assert!(error.to_string().contains("listn"), "{error}");
    }
}
