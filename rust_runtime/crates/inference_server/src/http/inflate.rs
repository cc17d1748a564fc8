use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::body::{Packing, Share, too_large};
use crate::ServerError;

/// Bytes that are decompressed at one time.
const STEP: usize = 64 << 10;

/// Decompresses a body of at most `most` bytes; `share` grows with it and pays for both.
///
/// # Errors
/// [`crate::ErrorKind::TooLarge`], `Unavailable`, and `BadInput` for what is damaged.
pub(super) fn inflate(
    packed: &[u8],
    packing: Packing,
    most: usize,
    share: Share,
) -> Result<(Vec<u8>, Share), ServerError> {
    match packing {
        Packing::Plain => Ok((packed.to_vec(), share)),
        Packing::Gzip => read(MultiGzDecoder::new(packed), packed.len(), most, share),
        Packing::Deflate if is_zlib(packed) => {
            read(ZlibDecoder::new(packed), packed.len(), most, share)
        }
        // What the name says; some clients take it at its word.
        Packing::Deflate => read(DeflateDecoder::new(packed), packed.len(), most, share),
    }
}

/// Whether the bytes begin like zlib's: its method, and a sum that fits.
fn is_zlib(packed: &[u8]) -> bool {
    match packed {
        [method, flags, ..] => {
            method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
        }
        _ => false,
    }
}

fn read(
    mut decoder: impl Read,
    packed: usize,
    most: usize,
    mut share: Share,
) -> Result<(Vec<u8>, Share), ServerError> {
    let mut bytes = Vec::new();
    let mut step = vec![0; STEP];
    loop {
        let count = decoder.read(&mut step).map_err(|error| {
            ServerError::bad_input("the compressed body is damaged").with_detail(error.to_string())
        })?;
        if count == 0 {
            return Ok((bytes, share));
        }
        if bytes.len() + count > most {
            return Err(too_large(most));
        }
        bytes.extend_from_slice(&step[..count]);
        share.grow_to(packed + bytes.capacity())?;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };

    use super::*;
    use crate::{ErrorKind, http::body::Bodies};

    fn inflated(packed: &[u8], packing: Packing, most: usize) -> Result<Vec<u8>, ServerError> {
        inflate(packed, packing, most, Bodies::new(1 << 30).share()).map(|(bytes, _)| bytes)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_packing_that_clients_use_is_read() {
        let bytes = b"tensor".repeat(1000);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&bytes).unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
        bare.write_all(&bytes).unwrap();
        let cases = [
            (gzip(&bytes), Packing::Gzip),
            (zlib.finish().unwrap(), Packing::Deflate),
            (bare.finish().unwrap(), Packing::Deflate),
            (bytes.clone(), Packing::Plain),
        ];
        for (packed, packing) in cases {
            assert_eq!(inflated(&packed, packing, 6000).unwrap(), bytes, "{packing:?}");
        }
    }

    #[test]
    fn the_limit_counts_what_comes_out() {
        let bomb = gzip(&vec![0; 10 << 20]);
        assert!(bomb.len() < 20_000);
        let error = inflated(&bomb, Packing::Gzip, 1 << 20).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        let share = Bodies::new(1 << 20).share();
        let error = inflate(&bomb, Packing::Gzip, 64 << 20, share).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }

    #[test]
    fn damage_is_the_clients() {
        let packed = gzip(b"tensor");
        for damaged in [&packed[..packed.len() - 3], b"no gzip", b"\x1f\x8b"] {
            let error = inflated(damaged, Packing::Gzip, 100).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadInput);
        }
        assert!(inflated(b"\xff\xff\xff", Packing::Deflate, 100).is_err());
    }
}
