//! The `steelyard` binary.

use std::process::ExitCode;

use clap::Parser;
use steelyard_gateway::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
