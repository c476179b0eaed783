//! A gateway with simulated providers behind it.

use serde_json::Value;

use crate::binary::workspace;
use crate::{Client, Kind, Metrics, PolicyFile, Process, Scratch, soon};

/// Prices of the tests' own models, in a book of their own besides the shipped one.
const TEST_PRICES: &str = "
  test/penny:
    rates:
      - { input: 1, cache_read: 0.5, output: 2 }

  test/pound:
    rates:
      - { input: 100, cache_read: 50, output: 200 }
";

/// `steelyard sim` as a process.
#[derive(Debug)]
pub struct Sim {
    /// The process.
    pub process: Process,
    /// `http://host:port`.
    pub base: String,
    client: Client,
}

/// `steelyard serve` as a process.
#[derive(Debug)]
pub struct Gateway {
    /// The process.
    pub process: Process,
    /// `http://host:port` of the data plane.
    pub base: String,
    /// A client of the data plane.
    pub client: Client,
    /// A client of the admin plane.
    pub admin: Client,
}

/// Simulated providers, a gateway in front of them, and the folder of its policy.
#[derive(Debug)]
pub struct Stage {
    /// The gateway. The first to be dropped.
    pub gateway: Gateway,
    /// The providers.
    pub sim: Sim,
    /// Where the policy lies, as `steelyard.yaml` and `prices.yaml`.
    pub folder: Scratch,
    /// The policy.
    pub policy: PolicyFile,
}

impl Sim {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        let process = Process::steelyard(&["sim", "--listen", "127.0.0.1:0"], &[]);
        let base = process
            .stdout
            .find("the simulator's address", |line| {
                let (_, address) = line.split_once("simulated providers on ")?;
                Some(address.to_owned())
            })
            .await;
        Self {
            process,
            client: Client::new(&base),
            base,
        }
    }

    /// The requests that providers have got, oldest first.
    ///
    /// # Panics
    /// When the simulator does not tell.
    pub async fn requests(&self) -> Vec<Value> {
        let answer = self.client.get("/_sim/requests").await;
        answer.body.as_array().cloned().expect("a list of requests")
    }

    /// How many requests providers have got.
    ///
    /// # Panics
    /// When the simulator does not tell.
    pub async fn count(&self) -> u64 {
        let answer = self.client.get("/_sim/counts").await;
        answer.body["requests"].as_u64().expect("a number")
    }

    /// Waits until no provider is answering any more.
    pub async fn idle(&self) {
        let idle = async {
            loop {
                let answer = self.client.get("/_sim/counts").await;
                if answer.body["in_flight"] == 0 {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        soon("the providers to be idle", idle).await;
    }
}

impl Gateway {
    /// Starts it with the policy in a folder, on free ports.
    pub async fn start(folder: &Scratch) -> Self {
        let config = folder.path("steelyard.yaml").display().to_string();
        let arguments = [
            "serve",
            "--config",
            &config,
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--log-format",
            "json",
        ];
        let keys = Kind::ALL.map(|kind| (kind.variable(), kind.key));
        let keys = keys.each_ref().map(|(name, key)| (name.as_str(), *key));
        let process = Process::steelyard(&arguments, &keys);
        Self::of(process).await
    }

    /// A process that is starting, with its log as JSON, once it listens.
    pub async fn of(process: Process) -> Self {
        let address = async |plane: &str| {
            let message = format!("{plane} listening");
            let found = process.stderr.find(&message, |line| {
                let line: Value = serde_json::from_str(line).ok()?;
                let address = line["address"].as_str()?;
                (line["message"] == message.as_str()).then(|| format!("http://{address}"))
            });
            found.await
        };
        let (base, admin) = (address("data plane").await, address("admin plane").await);
        Self {
            process,
            client: Client::new(&base),
            admin: Client::new(&admin),
            base,
        }
    }

    /// A scrape of its metrics.
    pub async fn metrics(&self) -> Metrics {
        let answer = self.admin.get("/metrics").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        Metrics::parse(&answer.text)
    }

    /// The log line of a request; there is exactly one.
    pub async fn record(&self, request_id: &str) -> Value {
        assert!(!request_id.is_empty(), "an answer without a request id");
        let what = format!("the log line of request {request_id}");
        let of_request = |line: &str| {
            let record: Value = serde_json::from_str(line).ok()?;
            (record["request_id"] == request_id).then_some(record)
        };
        let record = self.process.stdout.find(&what, of_request).await;
        let lines = self.process.stdout.all();
        let count = lines.iter().filter_map(|line| of_request(line)).count();
        assert_eq!(count, 1, "{what}");
        record
    }

    /// Everything that it has written so far.
    #[must_use]
    pub fn output(&self) -> String {
        let (stdout, stderr) = (self.process.stdout.all(), self.process.stderr.all());
        [stdout, stderr].concat().join("\n")
    }

    /// Asserts that it still runs and has never panicked.
    ///
    /// # Panics
    /// When it has.
    pub fn sound(&mut self) {
        assert!(self.process.is_running(), "{}", self.output());
        assert!(!self.output().contains("panicked"), "{}", self.output());
    }
}

impl Stage {
    /// All kinds of providers.
    pub async fn start() -> Self {
        Self::with(|policy, _| policy).await
    }

    /// All kinds of providers, and what is added to the policy; the address is the simulator's.
    pub async fn with(add: impl FnOnce(PolicyFile, &str) -> PolicyFile) -> Self {
        let sim = Sim::start().await;
        let policy = add(PolicyFile::of_all_kinds(&sim.base), &sim.base);
        let folder = Scratch::new();
        folder.write("prices.yaml", &prices());
        folder.write("steelyard.yaml", &policy.text());
        Self {
            gateway: Gateway::start(&folder).await,
            sim,
            folder,
            policy,
        }
    }
}

/// The shipped price book with the tests' own prices.
///
/// # Panics
/// When the shipped one cannot be read.
#[must_use]
pub fn prices() -> String {
    let shipped = std::fs::read_to_string(workspace().join("config/prices.yaml"));
    shipped.expect("config/prices.yaml can be read") + TEST_PRICES
}
