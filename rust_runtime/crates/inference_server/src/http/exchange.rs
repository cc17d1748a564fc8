use std::{
    borrow::Cow,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{HeaderName, HeaderValue},
    web,
};
use bytes::Bytes;

use super::{
    app::App,
    body::{self, Body},
    record,
    reply::Reply,
    trace::{TRACEPARENT, Trace},
    watch::Watch,
};
use crate::{Dialect, Priority, ServerError, model::Version, protocol::Terms};

const SERVER_TIMING: &str = "server-timing";
/// How long the client waits, in milliseconds.
const TIMEOUT: &str = "x-request-timeout-ms";
/// Who comes first: 1, served first, to 255.
const PRIORITY: &str = "x-request-priority";

/// One request from its head to its answer.
pub(super) struct Exchange {
    pub(super) app: web::Data<App>,
    pub(super) request: HttpRequest,
    payload: web::Payload,
    pub(super) received: Instant,
    pub(super) trace: Option<Trace>,
    pub(super) served: Option<Arc<Version>>,
    pub(super) bytes_in: usize,
    body_is_read: bool,
    spans: Vec<(&'static str, Duration)>,
    watch: Option<Rc<Watch>>,
    ended: bool,
}

impl Exchange {
    pub(super) fn begin(app: web::Data<App>, request: HttpRequest, payload: web::Payload) -> Self {
        let watch = request.conn_data::<Rc<Watch>>().cloned();
        if let Some(watch) = &watch {
            watch.begin();
        }
        Self {
            app,
            trace: Trace::of(request.headers()),
            request,
            payload,
            received: Instant::now(),
            served: None,
            bytes_in: 0,
            body_is_read: false,
            spans: Vec::new(),
            watch,
            ended: false,
        }
    }

    /// Which family of paths the request is for.
    pub(super) fn dialect(&self) -> Dialect {
        let path = self.request.path();
        let open =
            path.strip_prefix("/v2").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if open { Dialect::OpenInference } else { Dialect::Predict }
    }

    /// A part of the path that varies.
    pub(super) fn part(&self, name: &str) -> Option<&str> {
        self.request.match_info().get(name)
    }

    /// The model that the path names, ready to serve.
    ///
    /// # Errors
    /// As [`crate::model::Repository::find`].
    pub(super) fn version(&mut self) -> Result<Arc<Version>, ServerError> {
        let name = self.part("model").unwrap_or_default();
        let found = self.app.repository.find(name, self.part("version"))?;
        Ok(self.serve_by(found))
    }

    /// The model of a name, or the only one there is.
    ///
    /// # Errors
    /// As [`crate::model::Repository::find`] and `find_only`.
    pub(super) fn version_named(
        &mut self,
        name: Option<&str>,
        version: Option<&str>,
    ) -> Result<Arc<Version>, ServerError> {
        let found = self.app.find(name, version)?;
        Ok(self.serve_by(found))
    }

    /// Notes whose request this is, for metrics and the log.
    pub(super) fn serve_by(&mut self, version: Arc<Version>) -> Arc<Version> {
        self.served = Some(Arc::clone(&version));
        version
    }

    /// Notes whose request it was that could not be read.
    pub(super) fn blame(&mut self, error: &ServerError) {
        self.served = error.model().and_then(|name| self.app.repository.find(name, None).ok());
    }

    /// The whole body, decompressed.
    ///
    /// # Errors
    /// As [`body::read`].
    pub(super) async fn body(&mut self) -> Result<Body, ServerError> {
        self.body_cut(None).await
    }

    /// The whole body, decompressed, cut behind so many bytes where that can be done.
    ///
    /// # Errors
    /// As [`body::read`].
    pub(super) async fn body_cut(&mut self, cut: Option<usize>) -> Result<Body, ServerError> {
        let rules = (&self.app.limits, &self.app.bodies);
        let body = body::read(&self.request, &mut self.payload, rules, self.received, cut).await?;
        self.body_is_read = true;
        self.bytes_in = body.len();
        Ok(body)
    }

    /// The text of a header field; `None` where it does not come.
    ///
    /// # Errors
    /// [`crate::ErrorKind::BadInput`] for what is no text.
    pub(super) fn header(&self, name: &str) -> Result<Option<&str>, ServerError> {
        let Some(value) = self.request.headers().get(name) else { return Ok(None) };
        let text = value.to_str().map_err(|_| malformed(name))?;
        Ok(Some(text))
    }

    /// Adds to a request's terms what the header says, where the body says nothing.
    ///
    /// # Errors
    /// [`crate::ErrorKind::BadInput`] for numbers that are none.
    pub(super) fn complete(&self, terms: &mut Terms) -> Result<(), ServerError> {
        if terms.timeout.is_none() {
            let told = self.number::<u64>(TIMEOUT)?.filter(|wait| *wait > 0);
            terms.timeout = told.map(Duration::from_millis);
        }
        if terms.priority == Priority::DEFAULT {
            let level = self.number::<u8>(PRIORITY)?;
            terms.priority = level.map_or(Priority::DEFAULT, Priority::from_level);
        }
        Ok(())
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, ServerError> {
        let Some(text) = self.header(name)? else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| malformed(name))
    }

    /// Notes how long a phase took, for `Server-Timing`; a phase that comes twice, such as writing
    /// a picture and then its JSON, is told once.
    pub(super) fn spent(&mut self, phase: &'static str, time: Duration) {
        match self.spans.iter_mut().find(|(told, _)| *told == phase) {
            Some((_, taken)) => *taken += time,
            None => self.spans.push((phase, time)),
        }
    }

    /// Whether a model has worked on it.
    pub(super) fn has_inferred(&self) -> bool {
        !self.spans.is_empty()
    }

    /// The answer as it goes out; it is counted and written into the log.
    pub(super) async fn answer(mut self, result: Result<Reply, ServerError>) -> HttpResponse {
        let (mut reply, error) = match result {
            Ok(reply) => (reply, None),
            Err(error) => (Reply::error(&error, self.dialect()), Some(error)),
        };
        if !self.body_is_read {
            self.body_is_read = body::discard(&self.request, &mut self.payload).await;
        }
        let taken = self.received.elapsed();
        record::answered(&self, reply.status, reply.body.len(), error.as_ref());
        for (name, value) in self.own_headers(taken) {
            reply = reply.with(name, value);
        }
        self.ended = true;
        if let Some(watch) = &self.watch {
            watch.end(self.body_is_read);
        }
        let close = !self.body_is_read || self.app.repository.is_draining();
        reply.into_response(close)
    }

    fn own_headers(&self, taken: Duration) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::with_capacity(2);
        if let Some(trace) = &self.trace {
            headers.push((HeaderName::from_static(TRACEPARENT), trace.value().clone()));
        }
        if !self.spans.is_empty()
            && let Ok(value) = HeaderValue::from_str(&timing(&self.spans, taken))
        {
            headers.push((HeaderName::from_static(SERVER_TIMING), value));
        }
        headers
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.ended {
            record::left(self);
        }
    }
}

fn malformed(name: &str) -> ServerError {
    ServerError::bad_input(format!("the header field {name} is malformed"))
}

/// Phases with their milliseconds, and all of it.
fn timing(spans: &[(&'static str, Duration)], taken: Duration) -> String {
    let all = spans.iter().copied().chain([("total", taken)]);
    let span =
        |(name, time): (&str, Duration)| format!("{name};dur={:.3}", time.as_secs_f64() * 1000.0);
    all.map(span).collect::<Vec<_>>().join(", ")
}

/// The bytes of a part, without a copy where it is a slice of a body that is told.
pub(super) fn owned(body: Option<&Bytes>, part: Cow<'_, [u8]>) -> Bytes {
    match (body, part) {
        (Some(body), Cow::Borrowed(part)) => body.slice_ref(part),
        (None, Cow::Borrowed(part)) => Bytes::copy_from_slice(part),
        (_, Cow::Owned(part)) => part.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_milliseconds() {
        let spans = [("queue", Duration::from_micros(1234)), ("infer", Duration::from_millis(5))];
        let text = timing(&spans, Duration::from_millis(7));
        assert_eq!(text, "queue;dur=1.234, infer;dur=5.000, total;dur=7.000");
    }
}
