//! What the contract costs: our call against the engine called bare, and Python's call against
//! Rust's.
//!
//! Both sides of a comparison run the same engine on the same model, input and threads, in short
//! windows of random order, so that what disturbs the machine disturbs both alike.

pub mod calls;
pub mod child;
pub mod clock;
pub mod compare;
pub mod interval;
pub mod memory;
pub mod protocol;
pub mod random;
pub mod report;
pub mod subject;
pub mod worker;
