/// Whether the EXIF block of a WebP picture, if it has one, is there to its end. The decoder takes
/// memory for as many bytes as the block says that it has, which few bytes can say are 4 GB.
pub(crate) fn has_whole_exif(bytes: &[u8]) -> bool {
    /// Behind the name of the container, its length and that of the format.
    const FIRST_CHUNK: usize = 12;
    let mut rest = bytes.get(FIRST_CHUNK..).unwrap_or_default();
    while let Some(([name @ .., a, b, c, d], content)) = rest.split_first_chunk::<8>() {
        let length = u32::from_le_bytes([*a, *b, *c, *d]);
        let there = usize::try_from(length).ok().filter(|length| *length <= content.len());
        if name == b"EXIF" {
            return there.is_some();
        }
        // Chunks begin at even places.
        let next = there.and_then(|length| content.get(length.next_multiple_of(2)..));
        rest = next.unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::decode;

    #[test]
    fn a_block_that_says_it_is_longer_than_the_file_is_not_read() {
        let golden =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/decode/orientation-6.webp");
        let bytes = std::fs::read(golden).unwrap();
        let turned = decode(&bytes).unwrap();
        assert!(has_whole_exif(&bytes));
        let place = memchr::memmem::find(&bytes, b"EXIF").unwrap() + 4;
        for length in [u32::MAX, u32::MAX - 1, (bytes.len() - place - 3) as u32] {
            let mut longer = bytes.clone();
            longer[place..place + 4].copy_from_slice(&length.to_le_bytes());
            assert!(!has_whole_exif(&longer), "{length}");
            let lying = decode(&longer).unwrap();
            assert_eq!((lying.width(), lying.height()), (turned.height(), turned.width()));
        }
        for cut in 0..place + 4 {
            has_whole_exif(&bytes[..cut]);
        }
    }

    #[test]
    fn a_picture_without_one_has_it_whole() {
        for bytes in [&b""[..], b"RIFF", b"RIFF\x04\0\0\0WEBP", b"RIFF\x04\0\0\0WEBPVP8 \x09\0\0\0"]
        {
            assert!(has_whole_exif(bytes));
        }
    }
}
