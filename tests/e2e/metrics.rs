//! Prometheus's text format, as a scraper reads it.

use std::collections::{BTreeMap, BTreeSet};

/// One scrape.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// All samples, in order.
    pub samples: Vec<Sample>,
    /// The families that are described, with their type.
    pub families: BTreeMap<String, String>,
}

/// One line of a scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value as written.
    pub value: String,
}

impl Metrics {
    /// Reads a scrape.
    ///
    /// # Panics
    /// When a line is not of the format.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut metrics = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(described) = line.strip_prefix("# TYPE ") {
                let (name, kind) = described.split_once(' ').expect("a name and a type");
                metrics.families.insert(name.to_owned(), kind.to_owned());
            } else if !line.starts_with('#') {
                metrics.samples.push(Sample::parse(line));
            }
        }
        metrics
    }

    /// The sum of a whole-numbered family over all series that have these labels.
    ///
    /// # Panics
    /// When a value is not a whole number.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let chosen = self.samples.iter().filter(|sample| {
            let has = |(label, value): &(&str, &str)| {
                sample.labels.get(*label).is_some_and(|own| own == value)
            };
            sample.name == name && labels.iter().all(has)
        });
        let whole = |sample: &Sample| -> u64 {
            let value = sample.value.parse();
            value.unwrap_or_else(|_| panic!("{sample:?} is not a whole number"))
        };
        chosen.map(whole).sum()
    }

    /// The names and labels of all series, without their values.
    #[must_use]
    pub fn series(&self) -> BTreeSet<String> {
        let named = |sample: &Sample| format!("{}{:?}", sample.name, sample.labels);
        self.samples.iter().map(named).collect()
    }
}

impl Sample {
    fn parse(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').expect("a series and a value");
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').expect("closed labels")),
            None => (series, ""),
        };
        // No label of ours holds a comma or a quote.
        let labels = labels.split(',').filter(|label| !label.is_empty());
        let pair = |label: &str| {
            let (name, value) = label.split_once('=').expect("a label and its value");
            (name.to_owned(), value.trim_matches('"').to_owned())
        };
        Self {
            name: name.to_owned(),
            labels: labels.map(pair).collect(),
            value: value.to_owned(),
        }
    }
}
