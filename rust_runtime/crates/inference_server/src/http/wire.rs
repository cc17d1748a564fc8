//! Answers to what is no request, written without the HTTP layer.

use bytes::Bytes;
use memchr::memmem::{find, rfind};

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

/// The longest head of a refusal of the HTTP layer's own.
const LONGEST: usize = 512;

impl Refusal {
    /// A refusal of the HTTP layer's own at the end of what it writes, and where it begins. Such
    /// ones have no body; ours always have one.
    pub(super) fn find(written: &[u8]) -> Option<(usize, Self)> {
        let last = written.len().saturating_sub(LONGEST);
        let start = last + rfind(&written[last..], b"HTTP/1.")?;
        let head = written[start..].strip_suffix(b"\r\n\r\n")?;
        find(head, b"\r\ncontent-length: 0\r\n")?;
        Some((start, Self::of_head(head)?))
    }

    fn of_head(head: &[u8]) -> Option<Self> {
        let status = head.strip_prefix(b"HTTP/1.")?.get(2..5)?;
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
            Self::LongHead => (
                ErrorKind::TooLarge,
                "the head of the request is too long, or has more than 96 fields",
            ),
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
        let head = |status: &str, length: usize| {
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\ndate: today\r\n\r\n")
        };
        let found = |written: &str| Refusal::find(written.as_bytes());
        assert_eq!(found(&head("400", 0)), Some((0, Refusal::Malformed)));
        assert_eq!(found(&head("408", 0)), Some((0, Refusal::SlowHead)));
        assert_eq!(found(&head("431", 0)), Some((0, Refusal::LongHead)));
        for other in [head("100", 0), head("200", 0), head("400", 2) + "{}", head("400", 4)] {
            assert_eq!(found(&other), None, "{other}");
        }
        assert_eq!((found("HTTP"), found("")), (None, None));
    }

    #[test]
    fn a_refusal_behind_an_answer_is_found() {
        let answer =
            "HTTP/1.1 400 X\r\ncontent-length: 1000\r\n\r\n".to_owned() + &"x".repeat(1000);
        let both =
            answer.clone() + "HTTP/1.1 400 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        assert_eq!(Refusal::find(both.as_bytes()), Some((answer.len(), Refusal::Malformed)));
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
