//! Prices and cost.
//!
//! A [`PriceTable`] holds every rate that one model ever had or will have; [`PriceTable::rates`]
//! picks those in force for one request, and [`Rates::cost`] turns tokens into money.

mod rates;
mod table;
#[cfg(test)]
mod tests;
mod window;

pub use rates::{Cost, Rates, ReasoningBilling, ReasoningRate};
pub use table::{PriceQuery, PriceRow, PriceTable, PriceTableError, ServiceTier};
pub use window::{DailyWindow, Weekdays};
