//! What was measured, as Markdown.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) rounds: usize,
    pub(crate) requests: usize,
    pub(crate) streams: usize,
    pub(crate) connections: usize,
    /// Of Steelyard and nginx, in this order, as the others.
    pub(crate) unary: [Series; 2],
    pub(crate) stream: [Series; 2],
    pub(crate) memory: [Memory; 2],
    /// Median time of a request without load.
    pub(crate) latency: Vec<(&'static str, Duration)>,
}

/// CPU time per request of one proxy, round by round.
#[derive(Debug)]
pub(crate) struct Series {
    name: &'static str,
    micros: Vec<f64>,
}

impl Series {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            micros: Vec::new(),
        }
    }

    /// Adds a round.
    pub(crate) fn push(&mut self, spent: Duration, requests: usize) {
        self.micros
            .push(spent.as_secs_f64() * 1e6 / requests as f64);
    }

    fn median(&self) -> f64 {
        let mut sorted = self.micros.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() % 2 {
            1 => sorted[middle],
            _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
        }
    }

    fn range(&self) -> (f64, f64) {
        let least = self.micros.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.micros.iter().copied().fold(0.0, f64::max);
        (least, most)
    }
}

/// Memory of one proxy without and with held streams.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) name: &'static str,
    pub(crate) idle_kib: u64,
    pub(crate) held_kib: u64,
    pub(crate) streams: usize,
}

impl Memory {
    fn per_stream_kib(&self) -> f64 {
        self.held_kib.saturating_sub(self.idle_kib) as f64 / self.streams.max(1) as f64
    }
}

impl Report {
    /// Writes the tables.
    pub(crate) fn write(&self, out: &mut impl Write) -> Result<()> {
        writeln!(
            out,
            "Medians of {} rounds of {} unary requests and {} streams over {} connections:\n",
            self.rounds, self.requests, self.streams, self.connections
        )?;
        writeln!(out, "| CPU time | steelyard | nginx | ratio |")?;
        writeln!(out, "| --- | ---: | ---: | ---: |")?;
        write_series(out, "per unary 1 KB request, µs", &self.unary)?;
        write_series(out, "per stream of 102 events, µs", &self.stream)?;
        writeln!(out, "\n| memory | steelyard | nginx |")?;
        writeln!(out, "| --- | ---: | ---: |")?;
        let [ours, theirs] = &self.memory;
        debug_assert_eq!((ours.name, theirs.name), ("steelyard", "nginx"));
        writeln!(
            out,
            "| idle, MiB | {:.1} | {:.1} |",
            ours.idle_kib as f64 / 1024.0,
            theirs.idle_kib as f64 / 1024.0
        )?;
        writeln!(
            out,
            "| per held stream (of {}), KiB | {:.1} | {:.1} |",
            ours.streams,
            ours.per_stream_kib(),
            theirs.per_stream_kib()
        )?;
        writeln!(out, "\n| one request at a time, median | µs | added |")?;
        writeln!(out, "| --- | ---: | ---: |")?;
        let alone = self.latency.first().map_or(0.0, |(_, time)| micros(*time));
        for (name, time) in &self.latency {
            let time = micros(*time);
            writeln!(out, "| {name} | {time:.0} | {:.0} |", time - alone)?;
        }
        Ok(())
    }
}

fn write_series(out: &mut impl Write, what: &str, series: &[Series; 2]) -> Result<()> {
    let cell = |series: &Series| {
        let (least, most) = series.range();
        format!("{:.1} ({least:.1} to {most:.1})", series.median())
    };
    let [ours, theirs] = series;
    debug_assert_eq!((ours.name, theirs.name), ("steelyard", "nginx"));
    let ratio = ours.median() / theirs.median();
    writeln!(
        out,
        "| {what} | {} | {} | {ratio:.2} |",
        cell(ours),
        cell(theirs)
    )?;
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
