//! Answers to what is no request, written without the HTTP layer.

use bytes::Bytes;

use crate::{Dialect, ErrorKind, ServerError, protocol::documents};

/// Why a request does not come to its handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The head did not arrive in time.
    SlowHead,
    /// The head is too long.
    LongHead,
    /// The head is no HTTP.
    Malformed,
}

impl Refusal {
    /// What the HTTP layer has written, where it is a refusal of its own, which has no body.
    pub(super) fn read(written: &[u8]) -> Option<Self> {
        let status = written.strip_prefix(b"HTTP/1.")?.get(2..5)?;
        match status {
            b"408" => Some(Self::SlowHead),
            b"431" => Some(Self::LongHead),
            [b'4' | b'5', ..] => Some(Self::Malformed),
            _ => None,
        }
    }

    fn error(self) -> ServerError {
        let (kind, message) = match self {
            Self::SlowHead => (ErrorKind::SlowRequest, "the head of the request came too slowly"),
            Self::LongHead => (ErrorKind::TooLarge, "the head of the request is too long"),
            Self::Malformed => (ErrorKind::BadInput, "this is no valid HTTP request"),
        };
        ServerError::new(kind, message)
    }

    fn status_line(self, error: &ServerError) -> (u16, &'static str) {
        match self {
            Self::SlowHead => (error.status(Dialect::OpenInference), "Request Timeout"),
            Self::LongHead => (431, "Request Header Fields Too Large"),
            Self::Malformed => (error.status(Dialect::OpenInference), "Bad Request"),
        }
    }
}

/// The whole answer; the connection ends with it.
pub(super) fn answer(refusal: Refusal) -> Bytes {
    let error = refusal.error();
    let (status, words) = refusal.status_line(&error);
    let body = documents::error(&error);
    let mut bytes = format!(
        "HTTP/1.1 {status} {words}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(&body);
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_the_http_layer_are_known_by_their_status() {
        let read = |status: &str| Refusal::read(format!("HTTP/1.1 {status} X\r\n").as_bytes());
        assert_eq!(read("400"), Some(Refusal::Malformed));
        assert_eq!(read("408"), Some(Refusal::SlowHead));
        assert_eq!(read("431"), Some(Refusal::LongHead));
        assert_eq!(read("100"), None);
        assert_eq!(read("200"), None);
        assert_eq!(Refusal::read(b"HTTP"), None);
    }

    #[test]
    fn an_answer_is_whole() {
        let answer = answer(Refusal::LongHead);
        let text = std::str::from_utf8(&answer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["error_type"], "too_large");
    }
}
