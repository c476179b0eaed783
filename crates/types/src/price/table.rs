use std::cmp::Reverse;

use super::{Cost, DailyWindow, Rates};
use crate::{PricePerMtok, UnixMillis, Usage};

/// The service that a request is billed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ServiceTier {
    /// The ordinary tier.
    #[default]
    Standard,
    /// Cheaper and slower.
    Flex,
    /// Dearer and faster.
    Priority,
    /// Asynchronous.
    Batch,
    /// The dearest and fastest (OpenAI).
    Ultrafast,
}

/// What a price depends on besides the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceQuery {
    /// When the request is made.
    pub at: UnixMillis,
    /// The tier it is billed at.
    pub service: ServiceTier,
    /// Tokens of the whole prompt, cached ones included: selects the context tier.
    pub prompt_tokens: u64,
}

/// One line of a price list: these rates, under these conditions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PriceRow {
    /// The service that it prices.
    pub service: ServiceTier,
    /// Applies to prompts with more tokens than this, to every token of them.
    pub input_tokens_above: u64,
    /// First moment, or since ever.
    pub from: Option<UnixMillis>,
    /// First moment no longer, or for ever.
    pub until: Option<UnixMillis>,
    /// The hours in which it applies; empty for all. A row with hours goes before one without.
    pub windows: Vec<DailyWindow>,
    /// The rates.
    pub rates: Rates,
}

/// Why rows are not a price list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PriceTableError {
    /// A validity that ends before it begins.
    #[error("the price ends before it begins")]
    NeverValid {
        /// Index of the row.
        row: usize,
    },
    /// Two rows would apply to the same request.
    #[error("two prices would apply to the same request")]
    Overlap {
        /// Index of the earlier row.
        first: usize,
        /// Index of the later row.
        second: usize,
    },
}

/// Everything that one model costs: by service, date, hour and length of the prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceTable {
    /// Sorted by service; rows with hours before those without; longer prompts first.
    rows: Box<[PriceRow]>,
    /// Where the rows of each service begin; the last entry is the number of rows.
    starts: [u16; ServiceTier::ALL.len() + 1],
    free: bool,
}

impl ServiceTier {
    /// All tiers, in order.
    pub const ALL: [Self; 5] = [
        Self::Standard,
        Self::Flex,
        Self::Priority,
        Self::Batch,
        Self::Ultrafast,
    ];

    /// The word used in price books.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Batch => "batch",
            Self::Ultrafast => "ultrafast",
        }
    }

    /// The tier of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == name)
    }
}

impl PriceRow {
    fn valid_at(&self, at: UnixMillis) -> bool {
        self.from.is_none_or(|from| from <= at)
            && self.until.is_none_or(|until| at < until)
            && (self.windows.is_empty() || self.windows.iter().any(|window| window.contains(at)))
    }

    /// Whether both could apply to one request without either being the more particular.
    fn conflicts_with(&self, other: &Self) -> bool {
        let begins_before_end = |from: Option<UnixMillis>, until: Option<UnixMillis>| {
            from.is_none() || until.is_none() || from < until
        };
        let same_hours = match (self.windows.is_empty(), other.windows.is_empty()) {
            (true, true) => true,
            (false, false) => self
                .windows
                .iter()
                .any(|own| other.windows.iter().any(|window| own.overlaps(window))),
            _ => false,
        };
        self.service == other.service
            && self.input_tokens_above == other.input_tokens_above
            && begins_before_end(self.from, other.until)
            && begins_before_end(other.from, self.until)
            && same_hours
    }
}

impl PriceTable {
    /// Most rows of one table.
    pub const MAX_ROWS: usize = 1_000;

    /// A price list of these rows, in any order. Rows past [`Self::MAX_ROWS`] are the caller's to
    /// refuse; they are ignored here.
    ///
    /// # Errors
    /// A row that is never valid, or two that apply to the same request.
    pub fn new(mut rows: Vec<PriceRow>) -> Result<Self, PriceTableError> {
        rows.truncate(Self::MAX_ROWS);
        for (second, row) in rows.iter().enumerate() {
            if let (Some(from), Some(until)) = (row.from, row.until)
                && until <= from
            {
                return Err(PriceTableError::NeverValid { row: second });
            }
            if let Some(first) = rows[..second]
                .iter()
                .position(|other| row.conflicts_with(other))
            {
                return Err(PriceTableError::Overlap { first, second });
            }
        }
        rows.sort_by_key(|row| {
            (
                row.service,
                row.windows.is_empty(),
                Reverse(row.input_tokens_above),
                row.from,
            )
        });
        let mut starts = [0; ServiceTier::ALL.len() + 1];
        for (index, tier) in ServiceTier::ALL.into_iter().enumerate() {
            let end = rows.partition_point(|row| row.service <= tier);
            starts[index + 1] = u16::try_from(end).unwrap_or(u16::MAX);
        }
        Ok(Self {
            rows: rows.into_boxed_slice(),
            starts,
            free: false,
        })
    }

    /// A table in which every token of every service costs nothing.
    #[must_use]
    pub fn free() -> Self {
        Self {
            free: true,
            ..Self::default()
        }
    }

    /// Whether everything in it costs nothing.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.free
    }

    /// The rates in force for a request; `None` where no price is known, which is never the same as
    /// a price of zero.
    #[must_use]
    pub fn rates(&self, query: &PriceQuery) -> Option<&Rates> {
        const FREE: Rates = Rates {
            input: PricePerMtok(0),
            output: PricePerMtok(0),
            cache_read: Some(PricePerMtok(0)),
            cache_read_explicit: Some(PricePerMtok(0)),
            cache_write: Some(PricePerMtok(0)),
            cache_write_1h: Some(PricePerMtok(0)),
            cache_write_12h: Some(PricePerMtok(0)),
            output_reasoning: None,
        };
        if self.free {
            return Some(&FREE);
        }
        self.rows_of(query.service)
            .iter()
            .find(|row| {
                (query.prompt_tokens > row.input_tokens_above || row.input_tokens_above == 0)
                    && row.valid_at(query.at)
            })
            .map(|row| &row.rates)
    }

    /// The cost of these tokens under a query; `None` where no price is known.
    #[must_use]
    pub fn cost(&self, usage: &Usage, query: &PriceQuery) -> Option<Cost> {
        self.rates(query).map(|rates| rates.cost(usage))
    }

    /// All rows, in look-up order.
    #[must_use]
    pub fn rows(&self) -> &[PriceRow] {
        &self.rows
    }

    fn rows_of(&self, service: ServiceTier) -> &[PriceRow] {
        let index = service as usize;
        let bounds = usize::from(self.starts[index])..usize::from(self.starts[index + 1]);
        self.rows.get(bounds).unwrap_or_default()
    }
}
