use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep_until},
};

use super::{
    watch::{Phase, Watch},
    wire::{self, Refusal},
};
use crate::ConnectionLimits;

/// What the HTTP layer may be late with the end of an idle connection before it is ended here: one
/// that waits behind half a request is not idle to it.
const MARGIN: Duration = Duration::from_secs(1);

/// A connection whose client may be slow, greedy or gone: the head of every request has a length
/// and a deadline, what is left of a refused body too, and a client that takes nothing of its
/// answer is cut off. What the HTTP layer refuses by itself is answered in JSON.
#[derive(Debug)]
pub(super) struct Connection<Io> {
    io: Io,
    watch: Rc<Watch>,
    bounds: Bounds,
    alarm: Option<Pin<Box<Sleep>>>,
    stalled: Option<Pin<Box<Sleep>>>,
    /// What goes out in place of what the HTTP layer wrote.
    own: Bytes,
    ended: bool,
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    head: usize,
    head_deadline: Duration,
    idle_deadline: Duration,
    write_deadline: Duration,
}

impl<Io> Connection<Io> {
    pub(super) fn new(io: Io, limits: &ConnectionLimits) -> Self {
        let bounds = Bounds {
            head: limits.head,
            head_deadline: limits.head_deadline,
            idle_deadline: limits.keep_alive + MARGIN,
            write_deadline: limits.write_deadline,
        };
        let (watch, own) = (Watch::new(), Bytes::new());
        Self { io, watch, bounds, alarm: None, stalled: None, own, ended: false }
    }

    pub(super) fn watch(&self) -> Rc<Watch> {
        Rc::clone(&self.watch)
    }

    /// Whether the time of what happens now is over; wakes when it will be.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        let allowed = match self.watch.phase() {
            Phase::Busy => return false,
            // Its answer still goes out.
            Phase::Idle if self.stalled.is_some() => return false,
            Phase::Idle => self.bounds.idle_deadline,
            Phase::Head(_) | Phase::Leftover => self.bounds.head_deadline,
        };
        let end = tokio::time::Instant::from(self.watch.since() + allowed);
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if alarm.deadline() != end {
            alarm.as_mut().reset(end);
        }
        alarm.as_mut().poll(context).is_ready()
    }

    /// Lets nothing more in.
    fn end(&mut self, refusal: Option<Refusal>) {
        if let (false, Some(refusal)) = (self.ended, refusal) {
            self.own = wire::answer(refusal);
        }
        self.ended = true;
    }

    fn refuse_late(&mut self) {
        let began = matches!(self.watch.phase(), Phase::Head(head) if head.bytes > 0);
        self.end(began.then_some(Refusal::SlowHead));
    }

    /// Fails once the client has taken nothing for too long.
    fn wait_to_write<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let deadline = self.bounds.write_deadline;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(deadline)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<Io: AsyncWrite + Unpin> Connection<Io> {
    fn poll_answer(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        if written.is_pending() {
            return self.wait_to_write(context);
        }
        self.stalled = None;
        self.watch.wrote();
        written
    }

    fn poll_own(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.own.is_empty() {
            match Pin::new(&mut self.io).poll_write(context, &self.own) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => {
                    self.stalled = None;
                    self.own.advance(written);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.wait_to_write(context),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Connection<Io> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.io).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = read {
            this.watch.came(&buffer.filled()[before..]);
        }
        match this.watch.phase() {
            Phase::Head(head) if head.bytes > this.bounds.head => {
                buffer.set_filled(before);
                this.end(Some(Refusal::LongHead));
                Poll::Ready(Ok(()))
            }
            _ if read.is_pending() && this.is_over(context) => {
                this.refuse_late();
                Poll::Ready(Ok(()))
            }
            _ => read,
        }
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Connection<Io> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match this.poll_own(context) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        }
        let Some((start, instead)) = this.watch.refusal(bytes) else {
            return this.poll_answer(context, bytes);
        };
        let written = if start == 0 {
            Poll::Ready(Ok(0))
        } else {
            this.poll_answer(context, &bytes[..start])
        };
        if matches!(written, Poll::Ready(Ok(count)) if count == start) {
            this.end(instead);
            return Poll::Ready(Ok(bytes.len()));
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Nothing may come any more that would make the HTTP layer read.
        if this.is_over(context) && !this.ended {
            context.waker().wake_by_ref();
        }
        match this.poll_own(context) {
            Poll::Ready(Ok(())) => Pin::new(&mut this.io).poll_flush(context),
            other => other,
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.poll_own(context) {
            Poll::Ready(Ok(())) => Pin::new(&mut this.io).poll_shutdown(context),
            other => other,
        }
    }
}
