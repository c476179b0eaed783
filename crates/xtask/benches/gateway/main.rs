//! CPU time and memory of the gateway beside nginx as a plain reverse proxy, in the same run.
//!
//! Run it with `cargo xtask bench-gateway`, which builds the gateway and finds nginx. Everything
//! talks over loopback: this process makes the load, a second one answers like a provider, and the
//! two proxies take turns in between. Only the proxies' CPU time counts, as the kernel accounts it,
//! so that the noise of other processes touches the figures little and the ratio less.

mod load;
mod nginx;
mod process;
mod report;
mod steelyard;
mod upstream;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser;

use self::load::{Kind, Load};
use self::process::Process;
use self::report::{Memory, Report, Series};

/// Measures the gateway beside nginx.
#[derive(Debug, Parser)]
#[command(name = "bench-gateway")]
struct Args {
    /// The gateway's release binary.
    #[arg(long, required_unless_present = "upstream")]
    steelyard: Option<PathBuf>,
    /// The nginx binary.
    #[arg(long, default_value = "nginx")]
    nginx: PathBuf,
    /// Rounds; the proxies take turns within each, and medians are reported.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Unary requests per round and proxy.
    #[arg(long, default_value_t = 20_000)]
    requests: usize,
    /// Streams per round and proxy.
    #[arg(long, default_value_t = 1_000)]
    streams: usize,
    /// Connections, each with one request at a time.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Streams held open for the measurement of memory.
    #[arg(long, default_value_t = 1_000)]
    held: usize,
    /// Requests of the measurement of latency, one after another.
    #[arg(long, default_value_t = 2_000)]
    probes: usize,
    /// Answers like a provider instead; the benchmark starts itself so.
    #[arg(long, hide = true)]
    upstream: bool,
    /// Given by `cargo bench` to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A proxy under test.
struct Proxy {
    name: &'static str,
    process: Process,
    address: SocketAddr,
    /// Where whole answers are asked for.
    unary_path: &'static str,
    /// Where streams are asked for.
    stream_path: &'static str,
}

impl Proxy {
    fn load(&self, kind: Kind) -> Load {
        let path = match kind {
            Kind::Unary => self.unary_path,
            Kind::Stream | Kind::Held => self.stream_path,
        };
        Load::new(self.address, path, kind)
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match &args.steelyard {
        None => runtime.block_on(upstream::serve()),
        Some(binary) => {
            let report = runtime.block_on(measure(&args, binary))?;
            report.write(&mut std::io::stdout().lock())
        }
    }
}

async fn measure(args: &Args, binary: &Path) -> Result<Report> {
    ensure!(
        args.rounds > 0 && args.requests > 0 && args.streams > 0 && args.connections > 0,
        "rounds, requests, streams and connections must not be 0"
    );
    let (_upstream, provider) = upstream::start()?;
    let memory = held_memory(args, binary, provider).await?;

    let proxies = [
        steelyard::start(binary, provider)?,
        nginx::start(&args.nginx, provider)?,
    ];
    for proxy in &proxies {
        for kind in [Kind::Unary, Kind::Stream] {
            proxy
                .load(kind)
                .run(args.connections, args.connections * 8)
                .await?;
        }
    }
    let mut unary = proxies.each_ref().map(|proxy| Series::new(proxy.name));
    let mut stream = proxies.each_ref().map(|proxy| Series::new(proxy.name));
    for round in 0..args.rounds {
        // The order changes every round, so that neither always runs on the warmer machine.
        for turn in 0..proxies.len() {
            let index = (turn + round) % proxies.len();
            let proxy = &proxies[index];
            let spent = cpu_of(proxy, Kind::Unary, args.connections, args.requests).await?;
            unary[index].push(spent, args.requests);
            let spent = cpu_of(proxy, Kind::Stream, args.connections, args.streams).await?;
            stream[index].push(spent, args.streams);
        }
    }
    let direct = Load::new(provider, "/v1/chat/completions", Kind::Unary)
        .run(1, args.probes)
        .await?;
    let mut latency = vec![("provider alone", load::median(direct))];
    for proxy in &proxies {
        let times = proxy.load(Kind::Unary).run(1, args.probes).await?;
        latency.push((proxy.name, load::median(times)));
    }
    Ok(Report {
        rounds: args.rounds,
        requests: args.requests,
        streams: args.streams,
        connections: args.connections,
        unary,
        stream,
        memory,
        latency,
    })
}

/// CPU time that a proxy spends on so many requests.
async fn cpu_of(
    proxy: &Proxy,
    kind: Kind,
    connections: usize,
    requests: usize,
) -> Result<Duration> {
    let before = proxy.process.cpu()?;
    proxy.load(kind).run(connections, requests).await?;
    Ok(proxy.process.cpu()?.saturating_sub(before))
}

/// Memory per held stream, of freshly started proxies: one that was under load before has free
/// memory to give and would look better than it is.
async fn held_memory(args: &Args, binary: &Path, provider: SocketAddr) -> Result<[Memory; 2]> {
    let steelyard = steelyard::start(binary, provider)?;
    let nginx = nginx::start(&args.nginx, provider)?;
    let mut figures = [Memory::default(), Memory::default()];
    for (figure, proxy) in figures.iter_mut().zip([&steelyard, &nginx]) {
        proxy.load(Kind::Stream).run(1, 1).await?;
        let idle_kib = proxy.process.rss_kib()?;
        let held = proxy.load(Kind::Held).hold(args.held).await?;
        let held_kib = proxy.process.rss_kib()?;
        drop(held);
        *figure = Memory {
            name: proxy.name,
            idle_kib,
            held_kib,
            streams: args.held,
        };
    }
    Ok(figures)
}
