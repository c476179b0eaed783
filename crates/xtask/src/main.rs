//! The project's own tasks: `cargo xtask <task>`.

mod bench_scorer;
mod import_prices;
mod routing_data;
mod train_scorer;

use clap::Parser;

/// The project's own tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Fit the scorer's weights on recorded outcomes and grade the fit.
    TrainScorer(train_scorer::Args),
    /// Measure the time that the scorer takes per prompt.
    BenchScorer(bench_scorer::Args),
    /// Write the shipped price book from gathered facts.
    ImportPrices(import_prices::Args),
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::TrainScorer(args) => train_scorer::run(&args),
        Task::BenchScorer(args) => bench_scorer::run(&args),
        Task::ImportPrices(args) => import_prices::run(&args),
    }
}
