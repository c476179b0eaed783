use std::ops::AddAssign;

/// Tests by their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl Counts {
    /// What a line of a test runner's output tells, if it is one of its sums:
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; ...` of cargo's own, or
    /// `Summary [   1.2s] 7 tests run: 6 passed (1 slow), 1 failed, 2 skipped` of nextest.
    ///
    /// nextest repeats what tests print, cargo's own sums of single tests among it, indented: only a
    /// sum of cargo's at the beginning of a line counts.
    ///
    /// nextest's skipped tests are those that its filters left out, which `cargo test` does not
    /// mention, and the ignored ones.
    pub(super) fn of_line(line: &str) -> Option<Self> {
        let sums = if let Some(rest) = line.strip_prefix("test result: ") {
            rest.split_once(". ")?.1
        } else {
            let summary = line.trim_start().strip_prefix("Summary [")?;
            let (head, sums) = summary.split_once(" run: ")?;
            head.contains(']').then_some(sums)?
        };
        let mut counts = Self::default();
        for sum in sums.split([';', ',']) {
            let mut words = sum.split_whitespace();
            let Some(number) = words.next().and_then(|number| number.parse::<u64>().ok()) else {
                continue;
            };
            match words.next() {
                Some("passed") => counts.passed += number,
                Some("failed" | "timed" | "exec") => counts.failed += number,
                Some("ignored" | "skipped") => counts.skipped += number,
                _ => {}
            }
        }
        Some(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Option<Counts> {
        Some(Counts {
            passed,
            failed,
            skipped,
        })
    }

    #[test]
    fn sums_of_both_runners_are_read() {
        let cargo = "test result: FAILED. 31 passed; 2 failed; 1 ignored; 0 measured; \
                     5 filtered out; finished in 0.21s\n";
        assert_eq!(Counts::of_line(cargo), counts(31, 2, 1));
        let nextest = "     Summary [   1.234s] 640 tests run: 637 passed (2 slow), 2 failed, \
                       1 timed out, 3 skipped\n";
        assert_eq!(Counts::of_line(nextest), counts(637, 3, 3));
        let stopped = "     Summary [   0.100s] 2/5 tests run: 1 passed, 1 failed, 0 skipped";
        assert_eq!(Counts::of_line(stopped), counts(1, 1, 0));
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in [
            "test a::b ... ok",
            "skipped: 12 cases, the recordings are not there",
            "        PASS [   0.004s] xtask test::counts::tests::sums",
            "Summary of the run: 3 passed",
            "",
        ] {
            assert_eq!(Counts::of_line(line), None, "{line}");
        }
    }
}
