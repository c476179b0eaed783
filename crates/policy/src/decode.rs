//! From the YAML tree to values, collecting everything that is wrong on the way.
//!
//! Every decoder returns a value even where it reported an error, so that one mistake never hides
//! another; a policy with errors is thrown away as a whole at the end.

mod fields;
mod report;
mod scalar;

pub(crate) use fields::Fields;
pub(crate) use report::{Report, suggest};
pub(crate) use scalar::{
    amount, boolean, choice, date, duration_ms, fraction, integer, list, name, number, text,
};
