/// Where a version of a model stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is being loaded, and nothing of it serves yet.
    Loading,
    /// It serves.
    Ready,
    /// It serves what it has accepted and then ends.
    Unloading,
    /// It does not serve.
    Unavailable,
}

impl State {
    /// The word that the Open Inference Protocol has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loading => "LOADING",
            Self::Ready => "READY",
            Self::Unloading => "UNLOADING",
            Self::Unavailable => "UNAVAILABLE",
        }
    }
}

/// A state with its reason, which is empty where there is nothing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) state: State,
    pub(super) reason: String,
}

impl Status {
    pub(super) fn new(state: State, reason: impl Into<String>) -> Self {
        Self { state, reason: reason.into() }
    }
}
