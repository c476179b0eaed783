//! End to end tests: the real binary with simulated providers, seen from outside.

mod bad_input;
mod broken_streams;
mod cache;
mod clients_leave;
mod command_line;
mod completions;
mod delivery;
mod demo;
mod dialects;
mod doors;
mod embeddings;
mod empty_answers;
mod fallback;
mod grading;
mod keys;
mod lossy;
mod messages;
mod metering;
mod output_factor;
mod own_heads;
mod reload;
mod responses;
mod scoring;
mod sdk;
mod thoughts;
mod tools;
