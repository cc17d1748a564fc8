/// What bytes look like, for a message about a picture that is none: `an SVG drawing`, …
pub(crate) fn looks_like(bytes: &[u8]) -> &'static str {
    if bytes.is_empty() {
        return "an empty file";
    }
    SIGNATURES
        .iter()
        .find(|(offset, signature, _)| {
            bytes.get(*offset..).is_some_and(|rest| rest.starts_with(signature))
        })
        .map_or_else(|| looks_like_text(bytes), |(_, _, name)| *name)
}

const SIGNATURES: [(usize, &[u8], &str); 17] = [
    (0, b"II*\0", "a TIFF picture"),
    (0, b"MM\0*", "a TIFF picture"),
    (0, b"GIF8", "a GIF picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftyphei", "a HEIC picture"),
    (4, b"ftypmif1", "a HEIF picture"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\x93NUMPY", "a NumPy array, whose name should end in .npy"),
    (0, b"\x7fELF", "a program"),
    (4, b"ftyp", "a video"),
    (0, b"RIFF", "a RIFF file that is not WebP"),
];

fn looks_like_text(bytes: &[u8]) -> &'static str {
    let head = &bytes[..bytes.len().min(512)];
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let lower = head.to_ascii_lowercase();
    let contains = |text: &[u8]| lower.windows(text.len()).any(|window| window == text);
    if contains(b"<svg") {
        "an SVG drawing"
    } else if contains(b"<html") || lower.starts_with(b"<!doctype html") {
        "an HTML page"
    } else if lower.starts_with(b"<?xml") {
        "an XML document"
    } else if !head.is_empty() && head.iter().all(|byte| matches!(byte, 9..=13 | 32..=126)) {
        "text"
    } else {
        "data of an unknown kind"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_apart() {
        let cases: [(&[u8], &str); 6] = [
            (b"", "an empty file"),
            (b"<?xml version='1.0'?>\n<svg xmlns=''>", "an SVG drawing"),
            (b"\xef\xbb\xbf <!DOCTYPE html>", "an HTML page"),
            (b"II*\0....", "a TIFF picture"),
            (b"hello\n", "text"),
            (b"\0\x01\x02", "data of an unknown kind"),
        ];
        for (bytes, name) in cases {
            assert_eq!(looks_like(bytes), name);
        }
    }
}
