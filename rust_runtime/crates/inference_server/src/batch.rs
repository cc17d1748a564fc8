//! Requests that wait share runs of the engine.
//!
//! Each model has one queue, bounded by count and bytes. Engine threads take what waits whenever
//! they are free; requests of the same shapes, element types and outputs are put together along
//! axis 0 and run by one call of the engine. What fails together is run again one by one, so that
//! only the culprit fails.

mod ability;
mod batcher;
mod entry;
mod join;
mod ledger;
mod pending;
mod queue;
mod schedule;
mod settings;
mod shared;
mod tuner;
mod worker;

#[cfg(test)]
mod tests;

pub use ability::Batching;
pub use batcher::{Batcher, Ending, Engines};
pub use pending::Pending;
pub use settings::BatchSettings;
pub use shared::Load;

pub(crate) use join::{concatenate, part, rows};
pub(crate) use ledger::Spent;
