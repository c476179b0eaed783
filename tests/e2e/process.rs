//! Child processes whose lines can be waited for.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::{soon, steelyard};

/// A running process; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// What it writes to standard output.
    pub stdout: Lines,
    /// What it writes to standard error.
    pub stderr: Lines,
}

/// The lines that a process has written so far.
#[derive(Debug, Clone)]
pub struct Lines {
    name: &'static str,
    lines: Arc<watch::Sender<Vec<String>>>,
}

/// What became of a command that ran to its end.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// A command with nothing of the tests' environment but the search path and what is given.
fn command(program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_clear();
    for name in ["PATH", "HOME", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

impl Process {
    /// Starts `steelyard`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn steelyard(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = command(&steelyard(), arguments, environment)
            .spawn()
            .expect("the binary can be started");
        let stdout = child.stdout.take().map(|pipe| pipe.into_owned_fd());
        let stderr = child.stderr.take().map(|pipe| pipe.into_owned_fd());
        Self {
            child,
            stdout: Lines::follow("standard output", stdout),
            stderr: Lines::follow("standard error", stderr),
        }
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it has ended and was waited for.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id().expect("the process has not ended")
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn end(&mut self) -> ExitStatus {
        let status = soon("a process to end", self.child.wait()).await;
        status.expect("a child can be waited for")
    }
}

impl Lines {
    /// Reads a pipe to its end in a thread.
    fn follow(name: &'static str, pipe: Option<std::io::Result<OwnedFd>>) -> Self {
        let pipe = pipe.expect("the output is piped");
        let pipe = File::from(pipe.expect("the pipe can be taken over"));
        let lines = Arc::new(watch::Sender::new(Vec::new()));
        let sender = Arc::clone(&lines);
        std::thread::spawn(move || {
            let mut reader = BufReader::new(pipe);
            let mut line = Vec::new();
            while reader
                .read_until(b'\n', &mut line)
                .is_ok_and(|length| length > 0)
            {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                sender.send_modify(|lines| lines.push(text));
                line.clear();
            }
        });
        Self { name, lines }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// Waits until something is found in the lines so far.
    ///
    /// # Panics
    /// When it is not found in time; with all lines.
    pub async fn wait_for<T>(&self, what: &str, find: impl Fn(&[String]) -> Option<T>) -> T {
        let mut changes = self.lines.subscribe();
        let found = tokio::time::timeout(crate::PATIENCE, async {
            loop {
                let found = find(&changes.borrow_and_update());
                if let Some(found) = found {
                    return found;
                }
                // The sender lives in `self`.
                let _ = changes.changed().await;
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!(
                "waited in vain for {what} on {}:\n{}",
                self.name,
                self.all().join("\n")
            ),
        }
    }

    /// Waits for a line in which something is found.
    ///
    /// # Panics
    /// When there is none in time; with all lines.
    pub async fn find<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        self.wait_for(what, |lines| lines.iter().find_map(|line| find(line)))
            .await
    }
}

/// Runs `steelyard` to its end.
///
/// # Panics
/// When it cannot be started or does not end in time.
pub async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    run_program(&steelyard(), arguments, environment).await
}

pub(crate) async fn run_program(
    program: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Ran {
    let output = command(program, arguments, environment).output();
    let what = format!("{} {} to end", program.display(), arguments.join(" "));
    let output = soon(&what, output).await;
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Sends a signal, such as `TERM`, to a process by its id.
///
/// # Panics
/// When it cannot be sent.
pub async fn signal(process: u32, name: &str) {
    // The shell's own `kill`, because slim systems have no other.
    let script = format!("kill -{name} {process}");
    let ran = run_program(Path::new("/bin/sh"), &["-c", &script], &[]).await;
    assert_eq!(ran.code, Some(0), "{script}: {}", ran.stderr);
}
