use super::HEADER_LENGTH;
use crate::{ServerError, protocol::Result};

/// A body in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body<'a> {
    /// JSON, and the binary data behind it.
    Document { json: &'a [u8], binary: &'a [u8] },
    /// The bytes of the only input, with no JSON.
    Raw(&'a [u8]),
}

/// Cuts a body by the header field, where it came with one.
pub(super) fn split<'a>(body: &'a [u8], header_length: Option<&str>) -> Result<Body<'a>> {
    let Some(text) = header_length else {
        return Ok(Body::Document { json: body, binary: &[] });
    };
    match length(text).ok_or_else(no_length)? {
        0 => Ok(Body::Raw(body)),
        length => {
            let (json, binary) = body.split_at_checked(length).ok_or_else(|| {
                let message = format!(
                    "{HEADER_LENGTH} is {length}, but the body has {} bytes (after decompression)",
                    body.len()
                );
                ServerError::bad_input(message)
            })?;
            Ok(Body::Document { json, binary })
        }
    }
}

/// The number that the header field [`HEADER_LENGTH`] tells, 0 where there is no JSON; `None` for what
/// is no number. Digits only: what the standard reads besides them, such as a plus sign, is none.
pub fn length(text: &str) -> Option<usize> {
    let text = text.trim_matches([' ', '\t']);
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn no_length() -> ServerError {
    let message = format!("{HEADER_LENGTH} is not the length of the JSON before binary data");
    ServerError::bad_input(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_cut_where_the_header_says() {
        let body = b"{}rest";
        let whole = Body::Document { json: body, binary: b"" };
        assert_eq!(split(body, None).unwrap(), whole);
        let cut = Body::Document { json: b"{}", binary: b"rest" };
        assert_eq!(split(body, Some(" 2 ")).unwrap(), cut);
        assert_eq!(split(body, Some("6")).unwrap(), whole);
        assert_eq!(split(body, Some("0")).unwrap(), Body::Raw(body));
    }

    #[test]
    fn what_is_no_length_within_the_body_is_refused() {
        for text in ["7", "-1", "", "+2", "2.0", "0x2", "two", "99999999999999999999999", "2 2"] {
            assert!(split(b"{}rest", Some(text)).is_err(), "{text:?}");
        }
    }
}
