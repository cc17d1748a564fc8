use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use tokio::sync::oneshot;

use crate::{ErrorKind, ServerError};

/// What a future gives, unless the alarm rings first.
pub(crate) async fn timely<T>(
    future: impl Future<Output = T>,
    alarm: oneshot::Receiver<()>,
) -> Result<T, ServerError> {
    let (mut future, mut alarm) = (pin!(future), pin!(alarm));
    let mut silent = false;
    poll_fn(|context| {
        if let Poll::Ready(value) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(value));
        }
        if silent {
            return Poll::Pending;
        }
        match alarm.as_mut().poll(context) {
            Poll::Ready(Ok(())) => Poll::Ready(Err(late())),
            // The clock has stopped: the server ends, and what it took is still answered.
            Poll::Ready(Err(_)) => {
                silent = true;
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

fn late() -> ServerError {
    ServerError::new(ErrorKind::Deadline, "the deadline passed before the request was answered")
}

/// What several futures give, all under way at once, in their order; the first error ends the rest.
pub(crate) async fn all<T, E>(
    futures: impl IntoIterator<Item = impl Future<Output = Result<T, E>>>,
) -> Result<Vec<T>, E> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
    let mut values: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut waiting = false;
        for (place, value) in futures.iter_mut().zip(&mut values) {
            let Some(future) = place else { continue };
            match future.as_mut().poll(context) {
                Poll::Pending => waiting = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(ready)) => {
                    *value = Some(ready);
                    *place = None;
                }
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(Ok(values.drain(..).flatten().collect())) }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::{clock::Clock, wait::block_on};

    #[test]
    fn whichever_comes_first_is_the_answer() {
        let clock = Clock::start().unwrap();
        let soon = || clock.at(Instant::now() + Duration::from_millis(1));
        let never = std::future::pending::<()>();
        let error = block_on(timely(never, soon())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Deadline);
        assert_eq!(block_on(timely(std::future::ready(7), soon())), Ok(7));
    }

    #[test]
    fn a_clock_that_stopped_rings_nothing() {
        let (stopped, alarm) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        drop(stopped);
        let thread = std::thread::spawn(move || block_on(timely(answered, alarm)));
        answer.send(7).unwrap();
        assert_eq!(thread.join().unwrap().unwrap(), Ok(7));
    }

    #[test]
    fn several_answers_keep_their_order_and_an_error_ends_them() {
        let (late, answered) = oneshot::channel::<i32>();
        let (early, first) = oneshot::channel();
        early.send(2).unwrap();
        let thread = std::thread::spawn(move || block_on(all([answered, first])));
        late.send(1).unwrap();
        assert_eq!(thread.join().unwrap(), Ok(vec![1, 2]));
        let (dropped, gone) = oneshot::channel::<i32>();
        let (_held, waiting) = oneshot::channel();
        drop(dropped);
        assert!(block_on(all([waiting, gone])).is_err());
    }
}
