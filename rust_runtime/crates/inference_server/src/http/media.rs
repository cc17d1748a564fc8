use actix_web::http::header::{self, HeaderMap};

use crate::{ErrorKind, ServerError};

/// What a body of `/predict` is, by its Content-Type or, where there is none, by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Media {
    Json,
    Picture,
    /// With the boundary between its parts.
    Multipart(String),
    /// To be told from the content.
    Unknown,
}

impl Media {
    /// # Errors
    /// [`ErrorKind::UnsupportedMedia`] for a type that is not read, [`ErrorKind::BadInput`] for
    /// multipart without a boundary.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, ServerError> {
        let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(Self::Unknown) };
        let value = value.to_str().map_err(|_| unsupported())?;
        let (kind, parameters) = value.split_once(';').unwrap_or((value, ""));
        let kind = kind.trim().to_ascii_lowercase();
        match kind.as_str() {
            // The last is what curl says of any body that it is not told about.
            ""
            | "application/octet-stream"
            | "binary/octet-stream"
            | "application/x-www-form-urlencoded" => Ok(Self::Unknown),
            "multipart/form-data" => boundary(parameters).map(Self::Multipart).ok_or_else(|| {
                ServerError::bad_input("multipart/form-data comes without its boundary")
            }),
            "text/json" | "text/plain" => Ok(Self::Json),
            _ if kind == "application/json" || kind.ends_with("+json") => Ok(Self::Json),
            "image/svg+xml" => Err(unsupported()),
            _ if kind.starts_with("image/") => Ok(Self::Picture),
            _ => Err(unsupported()),
        }
    }

    /// What it is in the end: JSON begins with a brace or a bracket, and no picture does.
    pub(super) fn told_from(self, body: &[u8]) -> Self {
        match (&self, body.trim_ascii_start().first()) {
            (Self::Unknown, None | Some(b'{' | b'[')) => Self::Json,
            (Self::Unknown, _) => Self::Picture,
            _ => self,
        }
    }
}

fn unsupported() -> ServerError {
    let message = "the Content-Type is none that is read: send application/json, image/jpeg, \
                   image/png, image/webp, image/bmp or multipart/form-data";
    ServerError::new(ErrorKind::UnsupportedMedia, message)
}

/// The boundary among the parameters of a multipart body: 1 to 70 characters.
fn boundary(parameters: &str) -> Option<String> {
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then_some(value.trim())
    })?;
    let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    (1..=70).contains(&bare.len()).then(|| bare.to_owned())
}

/// Whether a client would rather have a picture than JSON: it names a picture's type, and no JSON
/// before it.
pub(super) fn wants_png(headers: &HeaderMap) -> bool {
    let Some(Ok(accept)) = headers.get(header::ACCEPT).map(|value| value.to_str()) else {
        return false;
    };
    let first = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
    let named = first.map(str::to_ascii_lowercase).find_map(|kind| match kind.as_str() {
        "image/png" | "image/*" => Some(true),
        "application/json" | "application/*" | "*/*" => Some(false),
        _ => None,
    });
    named.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    fn media(value: &str) -> Result<Media, ErrorKind> {
        Media::of(&headers(header::CONTENT_TYPE, value)).map_err(|error| error.kind())
    }

    #[test]
    fn a_body_is_what_its_type_says() {
        assert_eq!(Media::of(&HeaderMap::new()).unwrap(), Media::Unknown);
        assert_eq!(media("application/json; charset=utf-8"), Ok(Media::Json));
        assert_eq!(media("application/vnd.x+json"), Ok(Media::Json));
        assert_eq!(media("application/x-www-form-urlencoded"), Ok(Media::Unknown));
        assert_eq!(media("Image/JPEG"), Ok(Media::Picture));
        let multipart = Ok(Media::Multipart("a b".to_owned()));
        assert_eq!(media("multipart/form-data; charset=x; boundary=\"a b\""), multipart);
        assert_eq!(media("multipart/form-data"), Err(ErrorKind::BadInput));
        for refused in ["text/html", "image/svg+xml", "application/pdf", "video/mp4"] {
            assert_eq!(media(refused), Err(ErrorKind::UnsupportedMedia), "{refused}");
        }
    }

    #[test]
    fn a_body_without_a_type_is_what_it_looks_like() {
        assert_eq!(Media::Unknown.told_from(b" {\"input\":[]}"), Media::Json);
        assert_eq!(Media::Unknown.told_from(b""), Media::Json);
        assert_eq!(Media::Unknown.told_from(b"[1]"), Media::Json);
        assert_eq!(Media::Unknown.told_from(b"\x89PNG"), Media::Picture);
        assert_eq!(Media::Json.told_from(b"\x89PNG"), Media::Json);
    }

    #[test]
    fn a_picture_is_given_to_those_who_ask_for_one() {
        let wants = |accept: &str| wants_png(&headers(header::ACCEPT, accept));
        assert!(wants("image/png") && wants("image/*;q=0.8, */*"));
        assert!(!wants("*/*") && !wants("application/json, image/png") && !wants("text/html"));
        assert!(!wants_png(&HeaderMap::new()));
    }
}
