//! The edge of Steelyard: the only crate with sockets, clocks, files and tasks.
//!
//! [`server::Server`] runs a gateway; the [`cli`] is what the `steelyard` binary does. The path of a
//! request is told by the `pipeline` module.

pub mod admin;
#[doc(hidden)]
pub mod bench;
pub mod cache;
pub mod cli;
pub mod clock;
pub mod data_plane;
pub mod gateway;
pub mod limits;
pub mod listener;
pub mod load;
pub mod meter;
mod offline;
mod pipeline;
pub mod request_id;
pub mod request_log;
pub mod runtime;
pub mod server;
pub mod settings;
pub mod snapshot;
#[cfg(test)]
mod testing;
pub mod transport;
pub mod watch;
