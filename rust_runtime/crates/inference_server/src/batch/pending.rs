use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::sync::oneshot;

use super::{entry::Answer, shared::Shared};
use crate::{InferReply, Priority, ServerError, wait::block_on};

/// The answer to a request that was put into a queue.
///
/// It is ready by the request's deadline, whatever the engine does. Dropping it takes the request
/// back: unless it runs already, it is never computed.
#[derive(Debug)]
pub struct Pending {
    answer: oneshot::Receiver<Answer>,
    alarm: Option<oneshot::Receiver<()>>,
    place: Option<Place>,
}

/// Where the request waits.
#[derive(Debug)]
struct Place {
    queue: Arc<Shared>,
    priority: Priority,
    id: u64,
}

impl Pending {
    pub(super) fn new(
        answer: oneshot::Receiver<Answer>,
        alarm: oneshot::Receiver<()>,
        queue: Arc<Shared>,
        (priority, id): (Priority, u64),
    ) -> Self {
        Self { answer, alarm: Some(alarm), place: Some(Place { queue, priority, id }) }
    }

    /// Waits for the answer on this thread, which must not be one that others' futures run on.
    ///
    /// # Errors
    /// Why the request was not answered.
    pub fn wait(self) -> Result<InferReply, ServerError> {
        block_on(self)
    }

    fn rings(&mut self, context: &mut Context<'_>) -> bool {
        let Some(alarm) = &mut self.alarm else { return false };
        match Pin::new(alarm).poll(context) {
            Poll::Pending => false,
            Poll::Ready(rung) => {
                self.alarm = None;
                rung.is_ok()
            }
        }
    }
}

impl Future for Pending {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        if let Poll::Ready(answer) = Pin::new(&mut self.answer).poll(context) {
            self.place = None;
            let ended = || ServerError::fault("an engine thread ended without an answer");
            return Poll::Ready(answer.unwrap_or_else(|_| Err(ended())));
        }
        if !self.rings(context) {
            return Poll::Pending;
        }
        let Some(place) = self.place.take() else { return Poll::Pending };
        place.queue.leave(place.priority, place.id);
        Poll::Ready(Err(place.queue.late()))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            place.queue.leave(place.priority, place.id);
        }
    }
}
