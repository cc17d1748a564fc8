use std::{cell::Cell, rc::Rc, time::Instant};

use super::wire::Refusal;

/// What happens on a connection, as far as its time is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
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
pub(super) struct Head {
    pub(super) bytes: usize,
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
}

impl Watch {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self {
            phase: Cell::new(Phase::Head(Head::default())),
            since: Cell::new(Instant::now()),
        })
    }

    /// A request has come whose head is complete.
    pub(super) fn begin(&self) {
        self.enter(Phase::Busy);
    }

    /// It is answered.
    pub(super) fn end(&self, body_is_read: bool) {
        self.enter(if body_is_read { Phase::Idle } else { Phase::Leftover });
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// When what happens now began.
    pub(super) fn since(&self) -> Instant {
        self.since.get()
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(Instant::now());
    }

    pub(super) fn came(&self, bytes: &[u8]) {
        match self.phase.get() {
            Phase::Head(head) => self.phase.set(Phase::Head(head.with(bytes))),
            Phase::Idle if !bytes.is_empty() => {
                self.enter(Phase::Head(Head::default().with(bytes)));
            }
            Phase::Idle | Phase::Busy | Phase::Leftover => {}
        }
    }

    /// Some of an answer went out: a connection is idle from the last of it on.
    pub(super) fn wrote(&self) {
        if self.phase.get() == Phase::Idle {
            self.since.set(Instant::now());
        }
    }

    /// Where in `bytes` that begins which the HTTP layer says of its own accord, because what came
    /// is no request, and what is said in its place: nothing, where the rest of a body is meant
    /// whose request has its answer.
    pub(super) fn refusal(&self, bytes: &[u8]) -> Option<(usize, Option<Refusal>)> {
        let (start, refusal) = Refusal::find(bytes)?;
        match self.phase.get() {
            Phase::Head(_) | Phase::Idle => Some((start, Some(refusal))),
            Phase::Leftover => Some((start, None)),
            Phase::Busy => None,
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
