use serde::Serialize;

use crate::{
    Limits, ServerError,
    protocol::{
        Result,
        json::{Reader, clip},
    },
};

/// One entry of `/v2/repository/index`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IndexEntry {
    /// The name that the model is served by.
    pub name: String,
    /// The version.
    pub version: String,
    /// `LOADING`, `READY`, `UNLOADING` or `UNAVAILABLE`.
    pub state: &'static str,
    /// Why it is not ready; empty where it is.
    pub reason: String,
}

/// The body of `load` and `unload`, as far as it means anything here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ControlRequest {
    /// Whether models that are built of this one shall go too; there are none.
    pub unload_dependents: bool,
}

/// Reads the body of `/v2/repository/index`, which may be empty: whether only what is ready is
/// asked for.
///
/// # Errors
/// [`ErrorKind::BadInput`](crate::ErrorKind::BadInput) for what is malformed.
pub fn read_index(body: &[u8], limits: &Limits) -> Result<bool> {
    let mut ready = false;
    members(body, limits, |reader, key| {
        match key {
            "ready" => ready = reader.boolean()?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(ready)
}

/// Reads the body of `load` or `unload`, which may be empty.
///
/// # Errors
/// [`ErrorKind::BadInput`](crate::ErrorKind::BadInput) for what is malformed, and for parameters
/// that would bring another model or configuration than the server's own: `file:…` and `config`.
pub fn read_control(body: &[u8], limits: &Limits) -> Result<ControlRequest> {
    let mut request = ControlRequest::default();
    members(body, limits, |reader, key| match key {
        "parameters" if reader.null() => Ok(()),
        "parameters" => reader.object(|reader, key| parameter(reader, key, &mut request)),
        _ => reader.skip(),
    })?;
    Ok(request)
}

fn parameter(reader: &mut Reader<'_>, key: &str, request: &mut ControlRequest) -> Result<()> {
    match key {
        "unload_dependents" => request.unload_dependents = reader.boolean()?,
        _ if key == "config" || key.starts_with("file:") => {
            let message = format!(
                "the parameter {:?} is refused: a model is loaded from the server's own files only",
                clip(key)
            );
            return Err(ServerError::bad_input(message));
        }
        _ => reader.skip()?,
    }
    Ok(())
}

fn members<'a>(
    body: &'a [u8],
    limits: &Limits,
    member: impl FnMut(&mut Reader<'a>, &str) -> Result<()>,
) -> Result<()> {
    if body.trim_ascii().is_empty() {
        return Ok(());
    }
    let mut reader = Reader::new(body, limits.request.json_depth)?;
    reader.object(member)?;
    reader.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_may_be_asked_for_without_a_body() {
        let limits = Limits::default();
        for (body, expected) in
            [("", false), ("{}", false), (r#"{"ready":true}"#, true), (r#"{"x":1}"#, false)]
        {
            assert_eq!(read_index(body.as_bytes(), &limits).unwrap(), expected, "{body}");
        }
        for body in ["[]", r#"{"ready":1}"#, "{"] {
            assert!(read_index(body.as_bytes(), &limits).is_err(), "{body}");
        }
    }

    #[test]
    fn what_clients_send_with_load_and_unload_is_read() {
        let limits = Limits::default();
        let bodies = [
            "",
            " ",
            "{}",
            r#"{"parameters":{}}"#,
            r#"{"parameters":{"unload_dependents":false}}"#,
        ];
        for body in bodies {
            let read = read_control(body.as_bytes(), &limits).unwrap();
            assert_eq!(read, ControlRequest::default(), "{body}");
        }
    }

    #[test]
    fn a_model_from_the_wire_is_refused() {
        let limits = Limits::default();
        for key in ["file:1/model.onnx", "file:", "config"] {
            let body = format!(r#"{{"parameters":{{"{key}":"AAAA"}}}}"#);
            let error = read_control(body.as_bytes(), &limits).unwrap_err();
            assert!(error.message().contains("refused"), "{error}");
        }
    }
}
