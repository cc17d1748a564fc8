use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep_until},
};

use super::wire::{self, Refusal};
use crate::ConnectionLimits;

/// What happens on a connection, as far as its time is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The head of a request comes, or has come and is about to be given to its handler.
    Head(Head),
    /// A request is being worked on; its body has a deadline of its own.
    Busy,
    /// Nothing is under way.
    Idle,
    /// A request is answered whose body has not come to its end.
    Leftover,
}

/// How far the head of a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Head {
    bytes: usize,
    /// Bytes of its last line.
    line: usize,
    complete: bool,
}

impl Head {
    /// The head with what came; what comes behind its end is not counted.
    fn with(mut self, bytes: &[u8]) -> Self {
        for byte in bytes {
            if self.complete {
                break;
            }
            self.bytes += 1;
            match byte {
                b'\n' => {
                    self.complete = self.line == 0;
                    self.line = 0;
                }
                b'\r' => {}
                _ => self.line += 1,
            }
        }
        self
    }
}

/// Shared by a connection and the requests that come by it.
#[derive(Debug)]
pub(super) struct Watch {
    phase: Cell<Phase>,
    since: Cell<Instant>,
    /// Whether an answer waits to be written.
    answered: Cell<bool>,
}

impl Watch {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            phase: Cell::new(Phase::Head(Head::default())),
            since: Cell::new(Instant::now()),
            answered: Cell::new(false),
        })
    }

    /// A request has come whose head is complete.
    pub(super) fn begin(&self) {
        self.enter(Phase::Busy);
    }

    /// It is answered.
    pub(super) fn end(&self, body_is_read: bool) {
        self.answered.set(true);
        self.enter(if body_is_read { Phase::Idle } else { Phase::Leftover });
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(Instant::now());
    }

    fn came(&self, bytes: &[u8]) {
        match self.phase.get() {
            Phase::Head(head) => self.phase.set(Phase::Head(head.with(bytes))),
            Phase::Idle if !bytes.is_empty() => {
                self.enter(Phase::Head(Head::default().with(bytes)));
            }
            Phase::Idle | Phase::Busy | Phase::Leftover => {}
        }
    }

    /// What the HTTP layer writes of its own accord, because no request came to its handler.
    fn refusal(&self, bytes: &[u8]) -> Option<Refusal> {
        let own = matches!(self.phase.get(), Phase::Head(_)) && !self.answered.get();
        if own { Refusal::read(bytes) } else { None }
    }
}

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
    write_deadline: Duration,
}

impl<Io> Connection<Io> {
    pub(super) fn new(io: Io, limits: &ConnectionLimits) -> Self {
        let bounds = Bounds {
            head: limits.head,
            head_deadline: limits.head_deadline,
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
        if matches!(self.watch.phase.get(), Phase::Busy | Phase::Idle) {
            return false;
        }
        let end = tokio::time::Instant::from(self.watch.since.get() + self.bounds.head_deadline);
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if alarm.deadline() != end {
            alarm.as_mut().reset(end);
        }
        alarm.as_mut().poll(context).is_ready()
    }

    /// Lets nothing more in.
    fn end(&mut self, refusal: Option<Refusal>) {
        self.ended = true;
        if let Some(refusal) = refusal {
            self.own = wire::answer(refusal);
        }
    }

    fn refuse_late(&mut self) {
        let began = matches!(self.watch.phase.get(), Phase::Head(head) if head.bytes > 0);
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
        match this.watch.phase.get() {
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
        if let Some(refusal) = this.watch.refusal(bytes) {
            this.end(Some(refusal));
            return Poll::Ready(Ok(bytes.len()));
        }
        match this.poll_own(context) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        }
        let written = Pin::new(&mut this.io).poll_write(context, bytes);
        if written.is_pending() {
            return this.wait_to_write(context);
        }
        this.stalled = None;
        this.watch.answered.set(false);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn head(pieces: &[&str]) -> Head {
        pieces.iter().fold(Head::default(), |head, piece| head.with(piece.as_bytes()))
    }

    #[test]
    fn a_head_ends_with_an_empty_line_however_it_is_cut() {
        let whole = head(&["GET / HTTP/1.1\r\nHost: a\r\n\r\nbody"]);
        assert_eq!((whole.bytes, whole.complete), (27, true));
        assert_eq!(head(&["GET / HTTP/1.1\r\nHost: a\r", "\n\r", "\nbody"]), whole);
        assert!(head(&["GET / HTTP/1.1\nHost: a\n\n"]).complete);
        let open = head(&["GET / HTTP/1.1\r\nHost: a\r\n"]);
        assert_eq!((open.bytes, open.complete), (25, false));
    }
}
