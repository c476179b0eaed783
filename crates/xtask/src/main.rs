//! The project's own tasks: `cargo xtask <task>`.

mod bench;
mod bench_scorer;
mod debian;
mod fuzz;
mod import_prices;
mod routing_data;
mod test;
mod workspace;

use clap::Parser;

/// The project's own tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Install what the tests need, then run every check and test.
    Test(test::Args),
    /// Run the fuzz targets on a corpus of recordings and fixtures.
    Fuzz(fuzz::Args),
    /// Run all benchmarks and print their tables.
    Bench,
    /// Measure the gateway's CPU time and memory beside nginx.
    BenchGateway(bench::Args),
    /// Measure the time of the whole decision.
    BenchDecision(bench::Args),
    /// Measure the time that the scorer takes per prompt.
    BenchScorer(bench_scorer::Args),
    /// Write the shipped price book from gathered facts.
    ImportPrices(import_prices::Args),
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::Test(args) => test::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Bench => bench::all(),
        Task::BenchGateway(args) => bench::gateway(&args),
        Task::BenchDecision(args) => bench::decision(&args),
        Task::BenchScorer(args) => bench_scorer::run(&args),
        Task::ImportPrices(args) => import_prices::run(&args),
    }
}
