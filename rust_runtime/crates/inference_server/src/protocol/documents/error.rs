use serde::Serialize;

use crate::ServerError;

#[derive(Serialize)]
struct Document<'a> {
    error: &'a str,
    error_type: &'a str,
}

/// The body of an error: `{"error", "error_type"}`, with nothing of [`ServerError::detail`].
pub fn error(error: &ServerError) -> Vec<u8> {
    let text = error.to_string();
    let document = Document { error: &text, error_type: error.kind().name() };
    serde_json::to_vec(&document).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_without_what_is_for_the_log() {
        let fault = ServerError::fault("at /srv/model.onnx line \"3\"").with_model("m");
        let body: serde_json::Value = serde_json::from_slice(&error(&fault)).unwrap();
        assert_eq!(body["error_type"], "fault");
        let text = body["error"].as_str().unwrap();
        assert!(text.contains("\"m\"") && !text.contains("/srv"), "{text}");
        assert_eq!(body.as_object().unwrap().len(), 2);
    }
}
