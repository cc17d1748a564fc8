use std::{error::Error, fmt, time::Duration};

use runner_core::{RunError, RunErrorKind};

use crate::Dialect;

/// Why a request was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is malformed or does not fit the model.
    BadInput,
    /// The control side wants its token.
    Unauthorized,
    /// The control side is off, or the caller may not use it.
    Forbidden,
    /// There is no such path, model or version.
    NotFound,
    /// The path exists, but not for this verb.
    MethodNotAllowed,
    /// The request did not arrive in time.
    SlowRequest,
    /// The state of the model does not allow this now.
    Conflict,
    /// The body, a picture or a tensor is over a limit.
    TooLarge,
    /// The content type or the encoding is not one that is read.
    UnsupportedMedia,
    /// The model's queue holds no more.
    QueueFull,
    /// The client left before its answer was computed.
    Cancelled,
    /// The model is loading, unloading or not ready, or the server is ending.
    Unavailable,
    /// The deadline passed before the answer was there.
    Deadline,
    /// Part of the protocol that this server has not.
    NotImplemented,
    /// A fault of the server or of the engine.
    Fault,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [Self; 15] = [
        Self::BadInput,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::SlowRequest,
        Self::Conflict,
        Self::TooLarge,
        Self::UnsupportedMedia,
        Self::QueueFull,
        Self::Cancelled,
        Self::Unavailable,
        Self::Deadline,
        Self::NotImplemented,
        Self::Fault,
    ];

    /// The name in snake case: `error_type` of an error's body, and the label in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadInput => "bad_input",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::SlowRequest => "slow_request",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::UnsupportedMedia => "unsupported_media",
            Self::QueueFull => "queue_full",
            Self::Cancelled => "cancelled",
            Self::Unavailable => "unavailable",
            Self::Deadline => "deadline",
            Self::NotImplemented => "not_implemented",
            Self::Fault => "fault",
        }
    }

    /// The HTTP status; a full queue is 429 in one dialect and 503 in the other.
    pub fn status(self, dialect: Dialect) -> u16 {
        match self {
            Self::BadInput => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::SlowRequest => 408,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMedia => 415,
            Self::QueueFull => match dialect {
                Dialect::Predict => 429,
                Dialect::OpenInference => 503,
            },
            Self::Cancelled => 499,
            Self::Fault => 500,
            Self::NotImplemented => 501,
            Self::Unavailable => 503,
            Self::Deadline => 504,
        }
    }
}

/// A request that was not answered: what failed, on which model and input, and what to do.
///
/// [`fmt::Display`] is for the client and names nothing of the machine; [`Self::detail`] is for
/// the log only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    kind: ErrorKind,
    message: String,
    model: Option<Box<str>>,
    input: Option<Box<str>>,
    detail: Option<Box<str>>,
    retry_after: Option<Duration>,
}

impl ServerError {
    /// An error with a message for the client: no path of the machine, no backtrace.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, message, model: None, input: None, detail: None, retry_after: None }
    }

    /// [`Self::new`] for what the client sent.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadInput, message)
    }

    /// A fault of the server or the engine: the client learns that it happened, the log why.
    pub fn fault(detail: impl Into<String>) -> Self {
        let message = "the server failed on this request; its log has the reason";
        Self::new(ErrorKind::Fault, message).with_detail(detail)
    }

    /// Names the model.
    #[must_use]
    pub fn with_model(mut self, model: &str) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Names the input or output at fault.
    #[must_use]
    pub fn with_input(mut self, input: &str) -> Self {
        self.input = Some(input.into());
        self
    }

    /// Says which picture of several is at fault, counted from 1.
    #[must_use]
    pub(crate) fn of_picture(mut self, place: usize, count: usize) -> Self {
        self.message = format!("picture {place} of {count}: {}", self.message);
        self
    }

    /// Adds what only the log may show.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into().into_boxed_str());
        self
    }

    /// Says when the client may try again.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The HTTP status in this dialect.
    pub fn status(&self, dialect: Dialect) -> u16 {
        self.kind.status(dialect)
    }

    /// What the client may read, without the names of model and input.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The model's name, where one is concerned.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The input or output at fault, where one is.
    pub fn input(&self) -> Option<&str> {
        self.input.as_deref()
    }

    /// The reason for the log; never for a client.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// When the client may try again, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(model) = &self.model {
            write!(f, "model {model:?}: ")?;
        }
        if let Some(input) = &self.input {
            write!(f, "{input:?}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl Error for ServerError {}

impl From<RunError> for ServerError {
    /// What does not fit the model is the client's, and its text is ours; the rest is a fault, whose
    /// text stays in the log because it is the engine's own.
    fn from(error: RunError) -> Self {
        let detail = error.to_string();
        match error.kind() {
            RunErrorKind::MissingInput
            | RunErrorKind::UnknownInput
            | RunErrorKind::DuplicateInput
            | RunErrorKind::DtypeMismatch
            | RunErrorKind::ShapeMismatch => {
                let message = format!("the input does not fit: {}", error.message());
                let refused = Self::bad_input(message).with_detail(detail);
                match error.input() {
                    Some(input) => refused.with_input(input),
                    None => refused,
                }
            }
            _ => Self::fault(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_queue_depends_on_the_dialect() {
        for kind in ErrorKind::ALL {
            let [predict, open] =
                [Dialect::Predict, Dialect::OpenInference].map(|dialect| kind.status(dialect));
            let expected =
                if kind == ErrorKind::QueueFull { (429, 503) } else { (predict, predict) };
            assert_eq!((predict, open), expected, "{}", kind.name());
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names = ErrorKind::ALL.map(ErrorKind::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn what_an_engine_says_stays_in_the_log() {
        let engine = RunError::new(RunErrorKind::EngineFailed, "m", "at /build/core/session.cc:12");
        let error = ServerError::from(engine);
        assert_eq!(error.kind(), ErrorKind::Fault);
        assert!(!error.to_string().contains("session.cc"));
        assert!(error.detail().is_some_and(|detail| detail.contains("session.cc")));
    }

    #[test]
    fn what_does_not_fit_the_model_is_the_clients() {
        for kind in [RunErrorKind::ShapeMismatch, RunErrorKind::DtypeMismatch] {
            let engine = RunError::new(kind, "m", "over 9").with_input("x");
            let error = ServerError::from(engine);
            assert_eq!((error.kind(), error.input()), (ErrorKind::BadInput, Some("x")));
            assert!(error.message().contains("over 9"), "{error}");
        }
    }
}
