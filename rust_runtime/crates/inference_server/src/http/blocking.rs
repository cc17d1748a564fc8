use actix_web::web;

use crate::ServerError;

/// Does work that would hold a worker up on a thread of its own.
///
/// # Errors
/// [`crate::ErrorKind::Fault`] when the work panicked.
pub(super) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ServerError> {
    let done = web::block(work).await;
    done.map_err(|error| ServerError::fault(format!("work on a request ended early: {error}")))
}
