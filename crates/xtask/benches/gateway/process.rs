//! A started process: what it has used, and its end.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

/// Length of a clock tick of `/proc/PID/stat`: `USER_HZ` is 100 on Linux, whatever the kernel's own
/// timer does.
const TICK: Duration = Duration::from_millis(10);

/// How often, and how far apart, a process is looked at that was asked to end.
const END_CHECKS: u32 = 100;
const END_PAUSE: Duration = Duration::from_millis(50);

/// A process that ends with this value.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Files that it needs as long as it runs.
    _folder: Option<Folder>,
}

impl Process {
    /// Starts a program that may open as many files as the system lets it. Its standard output goes
    /// nowhere.
    pub(crate) fn start(
        program: &Path,
        configure: impl FnOnce(&mut Command),
        folder: Option<Folder>,
    ) -> Result<Self> {
        Self::spawn(program, configure, folder, Stdio::null(), Stdio::piped())
    }

    /// The same with standard output to be read.
    pub(crate) fn start_readable(
        program: &Path,
        configure: impl FnOnce(&mut Command),
    ) -> Result<Self> {
        Self::spawn(program, configure, None, Stdio::piped(), Stdio::inherit())
    }

    fn spawn(
        program: &Path,
        configure: impl FnOnce(&mut Command),
        folder: Option<Folder>,
        stdout: Stdio,
        stderr: Stdio,
    ) -> Result<Self> {
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -n \"$(ulimit -Hn)\"; exec \"$0\" \"$@\""])
            .arg(program)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr);
        configure(&mut command);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self {
            child,
            _folder: folder,
        })
    }

    /// Reads lines until `find` finds something in one; the rest is read and thrown away.
    pub(crate) fn read_until<T>(&mut self, mut find: impl FnMut(&str) -> Option<T>) -> Result<T> {
        let output: Box<dyn Read + Send> =
            match (self.child.stdout.take(), self.child.stderr.take()) {
                (Some(stdout), _) => Box::new(stdout),
                (None, Some(stderr)) => Box::new(stderr),
                (None, None) => anyhow::bail!("the process has no output"),
            };
        let mut lines = BufReader::new(output).lines();
        let mut seen = String::new();
        while let Some(line) = lines.next().transpose()? {
            if let Some(found) = find(&line) {
                std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
                return Ok(found);
            }
            seen.push_str(&line);
            seen.push('\n');
        }
        anyhow::bail!("the process ended early:\n{seen}")
    }

    /// CPU time of the process and its children, in user and kernel mode.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let ticks = family(self.child.id())?
            .iter()
            .map(|stat| stat.ticks)
            .sum::<u32>();
        Ok(TICK * ticks)
    }

    /// Resident memory of the process and its children, in KiB.
    pub(crate) fn rss_kib(&self) -> Result<u64> {
        family(self.child.id())?
            .iter()
            .map(|stat| rss_kib(stat.pid))
            .sum()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // nginx's worker ends with its parent on SIGTERM only, so that is tried first.
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        for _ in 0..END_CHECKS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(END_PAUSE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `/proc/PID/stat` says of a process.
struct Stat {
    pid: u32,
    parent: u32,
    /// User and kernel time.
    ticks: u32,
}

/// The process and its children.
fn family(pid: u32) -> Result<Vec<Stat>> {
    let mut family = Vec::new();
    for entry in std::fs::read_dir("/proc").context("this needs Linux's /proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may end between the two looks at it.
        let Some(stat) = stat(id) else { continue };
        if id == pid || stat.parent == pid {
            family.push(stat);
        }
    }
    anyhow::ensure!(
        family.iter().any(|stat| stat.pid == pid),
        "process {pid} has ended"
    );
    Ok(family)
}

/// Fields 4, 14 and 15 of proc_pid_stat(5). The name, field 2, may contain spaces and brackets.
fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    let mut times = fields.skip(9).map(str::parse::<u32>);
    let (user, kernel) = (times.next()?.ok()?, times.next()?.ok()?);
    Some(Stat {
        pid,
        parent,
        ticks: user + kernel,
    })
}

fn rss_kib(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmRSS")?.parse()?)
}

/// A folder of its own under the system's temporary one, removed at the end.
#[derive(Debug)]
pub(crate) struct Folder(std::path::PathBuf);

impl Folder {
    /// Makes it.
    pub(crate) fn new(name: &str) -> Result<Self> {
        let base = std::env::temp_dir();
        let mut number = 0_u32;
        loop {
            let path = base.join(format!(
                "steelyard-bench-{name}-{}-{number}",
                std::process::id()
            ));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error)
                    if error.kind() == std::io::ErrorKind::AlreadyExists && number < 1_000 =>
                {
                    number += 1;
                }
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot make {}", path.display()));
                }
            }
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<std::path::PathBuf> {
        let path = self.0.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
