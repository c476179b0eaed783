use std::sync::{Mutex, PoisonError};

use steelyard_provider_adapter::Losses;

use super::*;

/// An output that takes only so many bytes until it is given more room.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

impl Disk {
    fn make_room(&self, bytes: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 += bytes;
    }

    fn text(&self) -> String {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(held.0.clone()).expect("JSON is UTF-8")
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = bytes.len().min(held.1);
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        held.1 -= count;
        held.0.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn record(number: u64) -> RequestRecord {
    RequestRecord {
        at: UnixMillis(0),
        request_id: format!("request-{number}"),
        endpoint: "test",
        key: None,
        route: None,
        model: None,
        provider: None,
        reason: None,
        complexity: None,
        attempts: 0,
        failed: Vec::new(),
        stream: false,
        cache: None,
        lossy: Losses::none(),
        status: 200,
        outcome: "ok",
        error: None,
        input_tokens: number,
        cached_tokens: 0,
        cache_write_tokens: 0,
        cache_write_1h_tokens: 0,
        output_tokens: 0,
        reasoning_tokens: 0,
        metered: true,
        usage_disagrees: false,
        cost_nano_usd: 0,
        strongest_cost_nano_usd: None,
        duration_us: 0,
        overhead_us: 0,
        first_token_us: None,
        policy: "p".into(),
    }
}

fn lost() -> IntCounter {
    IntCounter::new("lost", "Lost lines.").expect("a valid name")
}

#[test]
fn a_full_disk_delays_lines_and_mangles_none() {
    let (disk, lost) = (Disk::default(), lost());
    let mut lines = Lines::new(disk.clone(), &lost);
    // Room for a line and a half, then for a few bytes at a time, then for all.
    for (number, room) in [500, 100, 0, 7, 0, 300, 100_000].into_iter().enumerate() {
        disk.make_room(room);
        lines.add(&record(number as u64));
        lines.write();
    }
    let text = disk.text();
    let written: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a whole line"))
        .collect();
    let numbers: Vec<u64> = written
        .iter()
        .map(|line| line["input_tokens"].as_u64().expect("a number"))
        .collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(lost.get(), 0);
}

#[test]
fn what_cannot_wait_any_longer_is_counted() {
    let (disk, lost) = (Disk::default(), lost());
    disk.make_room(10);
    let mut lines = Lines::new(disk.clone(), &lost);
    let mut added = 0;
    while lost.get() < 3 {
        lines.add(&record(added));
        added += 1;
        assert!(added < 1_000_000, "nothing is ever lost");
    }
    disk.make_room(usize::MAX / 2);
    lines.write();
    let text = disk.text();
    let whole = text
        .lines()
        .filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
    assert_eq!(
        whole.count() as u64,
        added - lost.get(),
        "every other line is there, and whole"
    );
}
