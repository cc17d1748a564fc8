use std::time::Duration;

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use bytes::Bytes;
use serde::Serialize;

use crate::{
    Dialect, ErrorKind, ServerError,
    protocol::{Encoded, documents, infer::HEADER_LENGTH},
};

const JSON: &str = "application/json";
/// Of the format that [`crate::metrics::Metrics::text`] writes.
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// An answer as an endpoint gives it.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    content_type: &'static str,
    pub(super) body: Bytes,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Reply {
    fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status: 200, content_type, body: body.into(), headers: Vec::new() }
    }

    /// A document as JSON.
    pub(super) fn json(document: &impl Serialize) -> Result<Self, ServerError> {
        Ok(Self::new(JSON, documents::write(document)?))
    }

    /// What is JSON already.
    pub(super) fn of_json(body: impl Into<Bytes>) -> Self {
        Self::new(JSON, body)
    }

    pub(super) fn png(body: Vec<u8>) -> Self {
        Self::new("image/png", body)
    }

    pub(super) fn metrics(text: String) -> Self {
        Self::new(METRICS, text)
    }

    /// A file of ours.
    pub(super) fn file(content_type: &'static str, body: &'static [u8]) -> Self {
        Self::new(content_type, body)
    }

    /// A reply of the Open Inference Protocol, which may have binary data behind its JSON.
    pub(super) fn encoded(encoded: Encoded) -> Self {
        let (content_type, length) = (encoded.content_type(), encoded.header_length);
        let reply = Self::new(content_type, encoded.body);
        match length {
            None => reply,
            Some(length) => {
                let name = HeaderName::from_bytes(HEADER_LENGTH.as_bytes());
                reply.with_optional(name.ok(), HeaderValue::from(length))
            }
        }
    }

    /// An error in the dialect of its path.
    pub(super) fn error(error: &ServerError, dialect: Dialect) -> Self {
        let mut reply = Self::new(JSON, documents::error(error));
        reply.status = error.status(dialect);
        match retry_after(error) {
            Some(seconds) => reply.with(header::RETRY_AFTER, HeaderValue::from(seconds)),
            None => reply,
        }
    }

    #[must_use]
    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    #[must_use]
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    fn with_optional(self, name: Option<HeaderName>, value: HeaderValue) -> Self {
        match name {
            Some(name) => self.with(name, value),
            None => self,
        }
    }

    /// The answer of the HTTP layer; with `close` the connection ends with it.
    pub(super) fn into_response(self, close: bool) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponseBuilder::new(status);
        response.insert_header((header::CONTENT_TYPE, self.content_type));
        for header in self.headers {
            response.append_header(header);
        }
        if close {
            response.force_close();
        }
        response.body(self.body)
    }
}

/// When to come again, in whole seconds; a full queue always says it.
fn retry_after(error: &ServerError) -> Option<u64> {
    let told = error
        .retry_after()
        .or_else(|| (error.kind() == ErrorKind::QueueFull).then_some(Duration::from_secs(1)))?;
    Some(told.as_secs_f64().ceil().max(1.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_says_when_to_come_again() {
        let full = ServerError::new(ErrorKind::QueueFull, "full");
        assert_eq!(retry_after(&full), Some(1));
        let told = full.with_retry_after(Duration::from_millis(2100));
        assert_eq!(retry_after(&told), Some(3));
        assert_eq!(retry_after(&ServerError::bad_input("no")), None);
    }

    #[test]
    fn an_error_has_the_status_of_its_dialect() {
        let full = ServerError::new(ErrorKind::QueueFull, "full");
        assert_eq!(Reply::error(&full, Dialect::Predict).status, 429);
        assert_eq!(Reply::error(&full, Dialect::OpenInference).status, 503);
    }

    #[test]
    fn binary_data_comes_with_the_length_of_its_json() {
        let encoded = Encoded { body: b"{}\x01".to_vec(), header_length: Some(2) };
        let response = Reply::encoded(encoded).into_response(false);
        assert_eq!(response.headers().get(HEADER_LENGTH).unwrap(), "2");
        assert_eq!(response.headers().get("content-type").unwrap(), "application/octet-stream");
    }
}
