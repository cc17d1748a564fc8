//! `multipart/form-data` that lies in memory as a whole.

use bytes::Bytes;
use memchr::memmem;

use crate::ServerError;

/// The longest header of a part.
const LONGEST_HEADER: usize = 8 << 10;

/// A part of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) content: Bytes,
}

/// The parts of a body, at most `most`, in their order.
///
/// # Errors
/// [`crate::ErrorKind::BadInput`] for what is not well formed or has more parts.
pub(super) fn parts(body: &Bytes, boundary: &str, most: usize) -> Result<Vec<Part>, ServerError> {
    let first = format!("--{boundary}");
    let delimiter = format!("\r\n--{boundary}");
    let finder = memmem::Finder::new(&delimiter);
    let mut parts = Vec::new();
    let mut at = if body.starts_with(first.as_bytes()) {
        first.len()
    } else {
        finder.find(body).ok_or_else(|| malformed("its first boundary is missing"))?
            + delimiter.len()
    };
    while !body[at..].starts_with(b"--") {
        if parts.len() == most {
            return Err(malformed(&format!("it has more than {most} parts")));
        }
        let (header, content) = opened(body, at)?;
        let length = finder
            .find(&body[content..])
            .ok_or_else(|| malformed("it is cut short: its last boundary is missing"))?;
        let name = field_name(header).ok_or_else(|| malformed("a part of it has no name"))?;
        parts.push(Part { name, content: body.slice(content..content + length) });
        at = content + length + delimiter.len();
    }
    Ok(parts)
}

fn malformed(what: &str) -> ServerError {
    ServerError::bad_input(format!("the multipart body is malformed: {what}"))
}

/// The header of the part whose boundary ends at `at`, and where its content begins.
fn opened(body: &Bytes, at: usize) -> Result<(&[u8], usize), ServerError> {
    let rest = &body[at..];
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    if !rest[padding..].starts_with(b"\r\n") {
        return Err(malformed("a boundary is not alone in its line"));
    }
    // The line's end is kept: a part may have no header.
    let header = &rest[padding..rest.len().min(padding + LONGEST_HEADER)];
    let end = memmem::find(header, b"\r\n\r\n")
        .ok_or_else(|| malformed("the header of a part does not end"))?;
    Ok((&header[..end], at + padding + end + 4))
}

/// The field's name in `Content-Disposition: form-data; name="…"`.
fn field_name(header: &[u8]) -> Option<String> {
    let header = String::from_utf8_lossy(header);
    let disposition = header.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let (kind, mut rest) = disposition.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    while !rest.trim().is_empty() {
        let (key, value) = rest.split_once('=')?;
        let (value, after) = parameter(value.trim_start());
        if key.trim().eq_ignore_ascii_case("name") {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// The value at the beginning of a text, quoted or not, and what comes behind its semicolon.
fn parameter(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        return (value.trim().to_owned(), rest);
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, letter) in quoted.char_indices() {
        match letter {
            '"' if !escaped => {
                let rest = &quoted[at + 1..];
                return (value, rest.split_once(';').map_or("", |(_, rest)| rest));
            }
            '\\' if !escaped => escaped = true,
            _ => {
                value.push(letter);
                escaped = false;
            }
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(parts: &[(&str, &[u8])]) -> Bytes {
        let mut body = b"preamble".to_vec();
        for (disposition, content) in parts {
            let head = format!("\r\n--xx\r\nContent-Disposition: {disposition}\r\nX: y\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(content);
        }
        body.extend_from_slice(b"\r\n--xx--\r\n");
        body.into()
    }

    fn read(body: &Bytes) -> Result<Vec<(String, Vec<u8>)>, ServerError> {
        let parts = parts(body, "xx", 4)?;
        Ok(parts.into_iter().map(|part| (part.name, part.content.to_vec())).collect())
    }

    #[test]
    fn parts_come_with_their_names_and_exact_bytes() {
        let picture = b"\x89PNG\r\n--x\r\n\r\n".as_slice();
        let body = form(&[
            ("form-data; name=\"file\"; filename=\"a \\\"b\\\"; name=c.png\"", picture),
            ("FORM-DATA; filename=\"x;name=y\"; name=model", b""),
        ]);
        let expected = [("file".to_owned(), picture.to_vec()), ("model".to_owned(), vec![])];
        assert_eq!(read(&body).unwrap(), expected);
        assert_eq!(read(&Bytes::from_static(b"--xx--")).unwrap(), []);
    }

    #[test]
    fn a_body_that_begins_with_its_boundary_is_read_too() {
        let body = form(&[("form-data; name=file", b"1")]);
        let bare = body.slice("preamble\r\n".len()..);
        assert_eq!(read(&bare).unwrap(), [("file".to_owned(), b"1".to_vec())]);
    }

    #[test]
    fn what_is_cut_or_bent_is_refused() {
        let whole = form(&[("form-data; name=file", b"picture")]);
        for end in 0..whole.len() - 4 {
            assert!(read(&whole.slice(..end)).is_err(), "cut at {end}");
        }
        for body in
            ["", "--xy--", "--xx", "--xxy\r\n\r\n\r\n--xx--", "--xx\r\n\r\nno name\r\n--xx--"]
        {
            assert!(read(&Bytes::from(body)).is_err(), "{body:?}");
        }
        let many = form(&[("form-data; name=a", b"".as_slice()); 5]);
        assert!(read(&many).unwrap_err().message().contains("more than 4"));
        let long = format!("form-data; name={}", "a".repeat(LONGEST_HEADER));
        assert!(read(&form(&[(&long, b"")])).is_err());
    }
}
