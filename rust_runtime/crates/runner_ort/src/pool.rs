//! Sessions of one model, each for inputs of the shapes that it ran last.

use ort::Error;

/// The shapes of all inputs, in their order.
pub(crate) type Shapes = Vec<Vec<i64>>;

/// What makes another session of the same model.
pub(crate) type Make<S> = Box<dyn FnMut() -> Result<S, Error> + Send>;

/// What may still be added to a pool.
pub(crate) struct More<S> {
    /// As many sessions as there may be in all.
    pub(crate) most: usize,
    pub(crate) make: Make<S>,
}

/// At least one session.
pub(crate) struct Pool<S> {
    /// The one that was used last is the last; one that has never run has no shapes.
    sessions: Vec<(Option<Shapes>, S)>,
    /// Gone, with what sessions are made of, where no more can be added.
    more: Option<More<S>>,
}

impl<S> Pool<S> {
    pub(crate) fn new(session: S) -> Self {
        Self { sessions: vec![(None, session)], more: None }
    }

    /// The same, with a session for each set of shapes, as far as that goes.
    pub(crate) fn growing(self, more: More<S>) -> Self {
        Self { more: (more.most > 1).then_some(more), ..self }
    }

    /// The session for inputs of these shapes: the one that has them, else another, else the one
    /// that was used least recently.
    pub(crate) fn of(&mut self, shapes: &Shapes) -> &S {
        let has = |own: &Option<Shapes>| own.as_ref().is_none_or(|own| own == shapes);
        let session = match self.sessions.iter().position(|(own, _)| has(own)) {
            Some(place) => self.sessions.remove(place).1,
            None => self.another().unwrap_or_else(|| self.sessions.remove(0).1),
        };
        self.sessions.push((Some(shapes.clone()), session));
        &self.sessions[self.sessions.len() - 1].1
    }

    /// Gives up the session that was used last, with the memory that it holds; its shapes go to the
    /// one that was used least recently. False where it is the only one.
    pub(crate) fn shrink(&mut self) -> bool {
        let several = self.sessions.len() > 1;
        if several {
            let (_, session) = self.sessions.remove(0);
            let last = self.sessions.len() - 1;
            self.sessions[last].1 = session;
        }
        several
    }

    /// Makes no more sessions.
    pub(crate) fn close(&mut self) {
        self.more = None;
    }

    /// One that cannot be made, for want of memory, is not tried again.
    fn another(&mut self) -> Option<S> {
        let more = self.more.as_mut().filter(|more| self.sessions.len() < more.most)?;
        let made = (more.make)();
        if made.is_err() {
            self.close();
        }
        made.ok()
    }
}

#[cfg(test)]
mod tests;
