use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::Result;
use crate::ServerError;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes of a picture in base64: with or without padding and line breaks, and with or without
/// the `data:image/png;base64,` that browsers put before it.
pub(super) fn decode(text: &str) -> Result<Vec<u8>> {
    let text = without_head(text)?;
    let decoded = if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        let packed: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        LENIENT.decode(packed)
    } else {
        LENIENT.decode(text)
    };
    let bytes = decoded
        .map_err(|error| ServerError::bad_input(format!("the picture is not base64: {error}")))?;
    if bytes.is_empty() {
        return Err(ServerError::bad_input("the picture is empty"));
    }
    Ok(bytes)
}

fn without_head(text: &str) -> Result<&str> {
    let Some(url) = text.strip_prefix("data:") else {
        return Ok(text);
    };
    url.split_once(";base64,").map(|(_, data)| data).ok_or_else(|| {
        let message = "the picture is a data URL, but not in base64; expected data:…;base64,…";
        ServerError::bad_input(message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_programs_write_it() {
        for text in ["aGVsbG8h+/8=", "aGVsbG8h+/8", "aGVs\nbG8h\r\n+/8=\n"] {
            assert_eq!(decode(text).unwrap(), b"hello!\xfb\xff", "{text}");
        }
        assert_eq!(decode("data:image/png;base64,aGk=").unwrap(), b"hi");
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in ["", "a", "####", "aGk=aGk=", "http://x/y.png", "data:text/plain,hi", "é"] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
