//! Proves that reading gives what Pillow gives. The files in `goldens/decode` are written by
//! `make_pillow_goldens.py`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use vision_io::{Picture, VisionErrorKind, decode};

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}

fn read(path: &Path) -> Picture {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    decode(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// The largest difference of two pictures of the same size.
fn worst(got: &Picture, expected: &Picture) -> u8 {
    let sides = |picture: &Picture| (picture.width(), picture.height(), picture.channels());
    assert_eq!(sides(got), sides(expected));
    let pairs = got.pixels().iter().zip(expected.pixels());
    pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn every_kind_of_file_is_read_as_pillow_reads_it() {
    let mut faults = Vec::new();
    let folder = goldens().join("decode");
    for path in files(&folder) {
        let expected = folder.join("expected").join(format!("{}.png", name(&path)));
        let difference = worst(&read(&path), &read(&expected));
        // JPEG decoders round differently; all else is exact.
        let allowed = if path.extension().unwrap() == "jpg" { 3 } else { 0 };
        if difference > allowed {
            faults.push(format!("{}: {difference}", name(&path)));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn what_pillow_refuses_as_damaged_is_refused() {
    let damaged = files(&goldens().join("damaged"));
    assert!(!damaged.is_empty());
    for path in damaged {
        let error = decode(&fs::read(&path).unwrap()).expect_err(name(&path));
        assert_eq!(error.kind(), VisionErrorKind::CorruptPicture, "{}: {error}", name(&path));
        assert!(error.to_string().contains("damaged or cut short"), "{}: {error}", name(&path));
    }
}

#[test]
fn a_jpeg_file_cut_anywhere_is_refused() {
    let folder = goldens().join("decode");
    for name in ["rgb.jpg", "progressive.jpg", "restart.jpg", "orientation-6.jpg"] {
        let bytes = fs::read(folder.join(name)).unwrap();
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err(), "{name}: {cut} of {}", bytes.len());
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error_or_a_picture() {
    for path in files(&goldens().join("decode")) {
        let bytes = fs::read(&path).unwrap();
        for sixteenth in 0..16 {
            if let Err(error) = decode(&bytes[..bytes.len() * sixteenth / 16]) {
                let expected = [VisionErrorKind::CorruptPicture, VisionErrorKind::NotAPicture];
                assert!(expected.contains(&error.kind()), "{}: {error}", name(&path));
            }
        }
    }
}

#[test]
fn flipped_bytes_never_panic() {
    for path in files(&goldens().join("decode")) {
        let whole = fs::read(&path).unwrap();
        for position in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[position] ^= 0xa5;
            drop(decode(&bytes));
        }
    }
}

#[test]
fn a_picture_bomb_is_refused_by_its_header() {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    png.extend([0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50, 8, 6, 0, 0, 0]);
    let crc = crc32(&png[12..]);
    png.extend(crc.to_be_bytes());
    png.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    let start = std::time::Instant::now();
    let error = decode(&png).unwrap_err();
    assert_eq!(error.kind(), VisionErrorKind::TooLarge, "{error}");
    assert!(error.to_string().contains("50000 x 50000"), "{error}");
    assert!(start.elapsed().as_millis() < 50);
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

#[test]
fn what_is_no_picture_is_told_from_what_is_not_read() {
    let cases: [(&[u8], VisionErrorKind, &str); 6] = [
        (b"", VisionErrorKind::NotAPicture, "an empty file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", VisionErrorKind::NotAPicture, "SVG"),
        (b"<!doctype html><p>", VisionErrorKind::NotAPicture, "HTML"),
        (b"II*\0\x08\0\0\0", VisionErrorKind::UnsupportedFormat, "TIFF"),
        (b"GIF89a", VisionErrorKind::UnsupportedFormat, "GIF"),
        (b"\x93NUMPY\x01\0", VisionErrorKind::NotAPicture, "NumPy"),
    ];
    for (bytes, kind, text) in cases {
        let error = decode(bytes).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }
}
