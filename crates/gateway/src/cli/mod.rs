//! The commands of the `steelyard` binary.

mod demo;
mod dialect;
mod keys;
mod policy;
mod router;
mod serve;
mod sim;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::load::LoadError;
use crate::settings::{Flags, LogFormat};

/// A configuration that is wrong: `EX_CONFIG` of sysexits.h.
const EXIT_CONFIG: u8 = 78;

/// An LLM routing gateway: every request on the cheapest adequate model, and every number true.
#[derive(Debug, Parser)]
#[command(name = "steelyard", version, max_term_width = 100)]
#[command(after_help = "Start with `steelyard demo`: it needs no keys and no configuration.")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    #[command(after_help = "\
Settings come from flags, the environment (STEELYARD__SERVER__LISTEN), the policy's
`server:` section, and defaults: the first of these wins. The policy is read again when its file changes
and on SIGHUP: whole, or not at all.

Exit codes: 0 stopped in good order, 1 a failure while running, 78 a configuration that
is wrong.")]
    Serve(ServeArgs),
    /// Try it without keys: simulated providers, sample prompts, what each cost and why
    #[command(after_help = "\
Starts the simulated providers and the gateway on this machine, sends sample prompts
through it, shows for each what was chosen and what it cost, and keeps serving until it
is stopped with Ctrl-C.")]
    Demo(DemoArgs),
    /// Run the simulated providers alone
    Sim(SimArgs),
    /// Check policies before they go live
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Train, grade and calibrate the scorer, and score prompts
    #[command(subcommand)]
    Router(router::RouterCommand),
    /// Make virtual keys
    #[command(subcommand)]
    Keys(KeysCommand),
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// The policy
    #[arg(
        long,
        short,
        value_name = "FILE",
        default_value = "config/steelyard.yaml"
    )]
    config: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
struct ServerArgs {
    /// Address of the data plane
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Address of the admin plane: metrics, health, status, dashboard
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,
    /// What is logged on standard error: a level, or directives such as steelyard=debug,info
    #[arg(long, value_name = "DIRECTIVES")]
    log_level: Option<String>,
    /// The form of the log on standard error; the request log on standard output is always JSON
    #[arg(long, value_enum)]
    log_format: Option<LogFormat>,
}

impl ServerArgs {
    fn flags(&self) -> Flags {
        Flags {
            listen: self.listen,
            admin_listen: self.admin_listen,
            log_level: self.log_level.clone(),
            log_format: self.log_format,
        }
    }
}

#[derive(Debug, Args)]
struct DemoArgs {
    /// End after the samples instead of serving on
    #[arg(long)]
    exit: bool,
    /// Address of the data plane; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Address of the admin plane; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    admin_listen: SocketAddr,
}

#[derive(Debug, Args)]
struct SimArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Seed of the answers: the same seed and request give the same bytes
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A JSON file with fault rules to begin with
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Check a policy and its price book: every error with file, line and column
    #[command(after_help = "Exit codes: 0 valid, 78 errors (or warnings with --deny-warnings).")]
    Check {
        /// The policy
        #[arg(default_value = "config/steelyard.yaml")]
        config: PathBuf,
        /// The policy, as `serve` names it
        #[arg(long = "config", short, value_name = "FILE", conflicts_with = "config")]
        config_flag: Option<PathBuf>,
        /// Treat warnings as errors
        #[arg(long)]
        deny_warnings: bool,
    },
    /// Show what would be decided for one prompt: every candidate, its chance, its cost, the reason
    #[command(after_help = "\
Example:
  steelyard policy explain --prompt 'Prove that the square root of 2 is irrational'")]
    Explain {
        /// The policy
        #[arg(
            long,
            short,
            value_name = "FILE",
            default_value = "config/steelyard.yaml"
        )]
        config: PathBuf,
        /// The route or model that the request names
        #[arg(long, default_value = "auto")]
        model: String,
        /// The user's prompt
        #[arg(long, required_unless_present = "request", conflicts_with = "request")]
        prompt: Option<String>,
        /// A JSON file with a whole request of any dialect instead, `-` for standard input; its `model`
        /// is used
        #[arg(long, value_name = "FILE")]
        request: Option<PathBuf>,
        /// The dialect of the file; without it, its fields say which
        #[arg(long, value_enum, requires = "request")]
        dialect: Option<dialect::DialectName>,
        /// Rule out models whose provider's key cannot be read here, as `serve` would
        #[arg(long)]
        with_keys: bool,
    },
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key: prints it once, and the lines for the policy, which hold only its hash
    Create {
        /// Its name in logs, metrics and limits
        name: String,
        /// Routes that it may use; all of them if none is given
        #[arg(long = "route", value_name = "ROUTE")]
        routes: Vec<String>,
        /// Requests per minute; unlimited if not given
        #[arg(long, value_name = "NUMBER")]
        requests_per_minute: Option<u32>,
    },
}

impl Cli {
    /// Does what the command line says.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            Command::Serve(args) => serve::run(&args),
            Command::Demo(args) => demo::run(&args),
            Command::Sim(args) => sim::run(&args),
            Command::Policy(PolicyCommand::Check {
                config,
                config_flag,
                deny_warnings,
            }) => policy::check(&config_flag.unwrap_or(config), deny_warnings),
            Command::Policy(PolicyCommand::Explain {
                config,
                model,
                prompt,
                request,
                dialect,
                with_keys,
            }) => {
                let asked = policy::Asked {
                    model: &model,
                    prompt: prompt.as_deref(),
                    request: request.as_deref(),
                    dialect,
                };
                policy::explain(&config, &asked, with_keys)
            }
            Command::Router(command) => command.run(),
            Command::Keys(KeysCommand::Create {
                name,
                routes,
                requests_per_minute,
            }) => keys::create(&name, &routes, requests_per_minute),
        };
        match result {
            Ok(code) => code,
            Err(error) => {
                say_error(&error);
                ExitCode::from(exit_code(&error))
            }
        }
    }
}

/// Writes an error to standard error, with its causes.
#[expect(clippy::print_stderr, reason = "this is the command line's own voice")]
fn say_error(error: &anyhow::Error) {
    match error.downcast_ref::<LoadError>() {
        // Diagnostics bring their own form.
        Some(LoadError::Policy(diagnostics)) => eprintln!("{diagnostics}"),
        _ => eprintln!("error: {error:#}"),
    }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let is_config = error.is::<LoadError>()
        || error.is::<config::ConfigError>()
        || error.is::<crate::server::OpenToAll>()
        || error.is::<crate::snapshot::SnapshotError>();
    if is_config { EXIT_CONFIG } else { 1 }
}

/// Writes a line to standard output. A reader that has gone away ends the process quietly, as
/// `steelyard ... | head` should.
fn say(line: &str) {
    use std::io::Write;
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// The asynchronous runtime of a command.
fn tokio_runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}

/// Sets up the log on standard error. An invalid filter is the operator's error.
fn start_log(level: &str, format: LogFormat) -> anyhow::Result<()> {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_new(level)
        .map_err(|error| anyhow::anyhow!("log_level {level:?} cannot be read: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder.with_ansi(colours).with_target(false).try_init()
        }
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start the log: {error}"))
}

/// Waits for Ctrl-C or SIGTERM.
async fn interrupted() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
