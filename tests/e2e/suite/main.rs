//! End to end tests: the real binary with simulated providers, seen from outside.

mod bad_input;
mod broken_streams;
mod cache;
mod clients_leave;
mod command_line;
mod demo;
mod dialects;
mod fallback;
mod keys;
mod messages;
mod metering;
mod reload;
mod sdk;
