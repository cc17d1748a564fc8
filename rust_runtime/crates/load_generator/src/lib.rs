//! Load for an HTTP server of this machine, and what became of it.
//!
//! A closed loop keeps so many connections busy; an open loop sends on a schedule, whatever the
//! server does, and counts each latency from the moment at which the request was due: what waits
//! because the server stalls is charged to the server.
//!
//! Everything runs on one thread, which may be pinned to a core of its own.

mod closed;
mod connection;
pub mod echo;
mod error;
mod frame;
mod load;
mod open;
mod plan;
mod report;
mod schedule;
mod tally;

pub use error::{ErrorKind, LoadError};
pub use load::{Load, Pace, run};
pub use plan::Plan;
pub use report::{Errors, Latency, Report};
pub use schedule::Arrivals;

/// Bind this thread, and those that it starts, to one core.
///
/// # Errors
///
/// [`ErrorKind::Usage`] for a core that this process may not use.
pub fn pin_to_core(core: usize) -> Result<(), LoadError> {
    let granted = core_affinity::get_core_ids().unwrap_or_default();
    let found = granted.iter().find(|id| id.id == core);
    if found.is_some_and(|id| core_affinity::set_for_current(*id)) {
        return Ok(());
    }
    let known: Vec<String> = granted.iter().map(|id| id.id.to_string()).collect();
    let message = format!("core {core} cannot be used; this process may use {}", known.join(", "));
    Err(LoadError::new(ErrorKind::Usage, message))
}
