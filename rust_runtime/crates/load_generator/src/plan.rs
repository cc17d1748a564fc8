use std::{
    cell::Cell,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use hyper::{
    HeaderMap, Method, StatusCode, Uri,
    body::Bytes,
    header::{HOST, HeaderName, HeaderValue},
};
use serde::Deserialize;

use crate::error::{ErrorKind, LoadError};

/// The requests that are sent, in turns.
#[derive(Debug)]
pub struct Plan {
    requests: Vec<PlannedRequest>,
    next: Cell<usize>,
}

/// One request and what its answer should be.
#[derive(Debug)]
pub(crate) struct PlannedRequest {
    pub(crate) method: Method,
    pub(crate) path: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) expected_status: StatusCode,
    pub(crate) reply_contains: Option<Vec<u8>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    requests: Vec<RequestEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestEntry {
    #[serde(default = "post")]
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<PathBuf>,
    #[serde(default = "ok")]
    expected_status: u16,
    reply_contains: Option<String>,
}

fn post() -> String {
    "POST".to_owned()
}

fn ok() -> u16 {
    200
}

impl Plan {
    /// Read a plan, and the bodies that it names beside it.
    ///
    /// It is a JSON object with `requests`, each with `path` and, where they differ from POST, no
    /// fields, no body and 200: `method`, `headers`, `body` (a file), `expected_status`. With
    /// `reply_contains`, an answer without that text is a wrong one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::FileSystem`] for a file that cannot be read, [`ErrorKind::Usage`] for a plan
    /// that is none or has no request.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let text = bytes_of(path)?;
        let file: PlanFile = serde_json::from_slice(&text)
            .map_err(|error| usage(format!("{}: {error}", path.display())))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let requests = file.requests.into_iter().enumerate().map(|(index, entry)| {
            let place = format!("{}: request {}", path.display(), index + 1);
            entry.planned(folder, &place)
        });
        let requests = requests.collect::<Result<Vec<_>, _>>()?;
        if requests.is_empty() {
            return Err(usage(format!("{}: it has no request", path.display())));
        }
        Ok(Self { requests, next: Cell::new(0) })
    }

    /// The request whose turn it is.
    pub(crate) fn next(&self) -> &PlannedRequest {
        let index = self.next.get();
        self.next.set((index + 1) % self.requests.len());
        &self.requests[index]
    }
}

impl RequestEntry {
    fn planned(self, folder: &Path, place: &str) -> Result<PlannedRequest, LoadError> {
        let refused = |what: String| usage(format!("{place}: {what}"));
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| refused(format!("no method is called {:?}", self.method)))?;
        if !self.path.starts_with('/') {
            return Err(refused(format!("the path {:?} does not start with /", self.path)));
        }
        let path = self
            .path
            .parse()
            .map_err(|error| refused(format!("the path {:?}: {error}", self.path)))?;
        let expected_status = StatusCode::from_u16(self.expected_status)
            .map_err(|_| refused(format!("{} is no status", self.expected_status)))?;
        let headers = headers_of(&self.headers).map_err(refused)?;
        let body = match &self.body {
            Some(name) => bytes_of(&folder.join(name))?,
            None => Vec::new(),
        };
        Ok(PlannedRequest {
            method,
            path,
            headers,
            body: Bytes::from(body),
            expected_status,
            reply_contains: self.reply_contains.map(String::into_bytes),
        })
    }
}

fn headers_of(fields: &BTreeMap<String, String>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static("localhost"));
    for (name, value) in fields {
        let field: HeaderName = name.parse().map_err(|_| format!("{name:?} names no field"))?;
        let value = value.parse().map_err(|_| format!("the field {name:?} cannot be {value:?}"))?;
        headers.insert(field, value);
    }
    Ok(headers)
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, LoadError> {
    fs::read(path).map_err(|error| {
        LoadError::new(ErrorKind::FileSystem, format!("{}: {error}", path.display()))
    })
}

fn usage(message: String) -> LoadError {
    LoadError::new(ErrorKind::Usage, message)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn read(text: &str) -> Result<Plan, LoadError> {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("body"), b"12345").unwrap();
        let path = folder.path().join("plan.json");
        fs::write(&path, text).unwrap();
        Plan::read(&path)
    }

    #[test]
    fn requests_come_in_turns_with_their_bodies() {
        let plan = read(
            r#"{"requests": [
                {"path": "/a", "body": "body", "headers": {"Content-Type": "image/jpeg"}},
                {"method": "GET", "path": "/b?c=d", "expected_status": 204}
            ]}"#,
        )
        .unwrap();
        let first = plan.next();
        assert_eq!(first.method, Method::POST);
        assert_eq!(first.body, Bytes::from_static(b"12345"));
        assert_eq!(first.headers["content-type"], "image/jpeg");
        assert_eq!(first.expected_status, 200);
        let second = plan.next();
        assert_eq!(second.path, "/b?c=d");
        assert_eq!(second.expected_status, 204);
        assert!(second.body.is_empty());
        assert_eq!(plan.next().path, "/a");
    }

    #[test]
    fn what_cannot_be_sent_is_refused_with_its_place() {
        for (text, says) in [
            ("{}", "missing field `requests`"),
            (r#"{"requests": []}"#, "it has no request"),
            (r#"{"requests": [{"path": "/", "bodi": "x"}]}"#, "unknown field `bodi`"),
            (r#"{"requests": [{"path": "a"}]}"#, "request 1: the path \"a\" does not start"),
            (r#"{"requests": [{"path": "/"}, {"path": "/ "}]}"#, "request 2: the path"),
            (r#"{"requests": [{"path": "/", "method": "A B"}]}"#, "no method is called \"A B\""),
            (r#"{"requests": [{"path": "/", "expected_status": 99}]}"#, "99 is no status"),
            (r#"{"requests": [{"path": "/", "headers": {"a b": ""}}]}"#, "names no field"),
            (r#"{"requests": [{"path": "/", "headers": {"a": "\n"}}]}"#, "the field \"a\" cannot"),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
            assert!(error.to_string().contains(says), "{text}: {error}");
        }
        let error = read(r#"{"requests": [{"path": "/", "body": "absent"}]}"#).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileSystem);
    }
}
