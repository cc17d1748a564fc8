/// How often a JPEG picture goes over its pixels, told by its markers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Scans {
    /// At least 1 where the file is whole.
    pub(crate) count: u64,
    /// Channels of a pixel.
    pub(crate) components: u64,
    /// Whether coefficients of the whole picture are kept between scans.
    pub(crate) kept: bool,
    /// Whether the end of the picture is there, and nothing before it that no JPEG file holds.
    pub(crate) whole: bool,
}

const TEMPORARY: u8 = 0x01;
const RESTART_0: u8 = 0xd0;
const RESTART_7: u8 = 0xd7;
const START_OF_IMAGE: u8 = 0xd8;
const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

impl Scans {
    /// Counts the scans of a file; a damaged one counts as far as it can be followed.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut scans = Self::default();
        let mut rest = bytes.get(2..).unwrap_or_default();
        while let Some((marker, after)) = next_marker(rest) {
            let segment = match marker {
                END_OF_IMAGE => {
                    scans.whole = true;
                    break;
                }
                TEMPORARY | RESTART_0..=RESTART_7 => {
                    rest = after;
                    continue;
                }
                0x02..=0xbf | START_OF_IMAGE | 0xf0..=0xfd => break,
                _ => segment(after),
            };
            let Some(segment) = segment else { break };
            match marker {
                START_OF_SCAN => {
                    scans.count += 1;
                    let in_scan = segment.first().copied().map_or(0, u64::from);
                    scans.kept |= in_scan < scans.components;
                }
                0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                    scans.components = segment.get(5).copied().map_or(0, u64::from);
                    scans.kept |= matches!(marker & 3, 2);
                }
                _ => {}
            }
            rest = &after[2 + segment.len()..];
        }
        scans
    }

    /// Bytes a pixel for coefficients that are kept between scans.
    pub(crate) fn coefficient_bytes(&self) -> u64 {
        if self.kept { 2 * self.components.min(4) } else { 0 }
    }
}

/// The next marker and what follows it; entropy-coded bytes before it are stepped over.
fn next_marker(mut bytes: &[u8]) -> Option<(u8, &[u8])> {
    loop {
        let place = memchr::memchr(0xff, bytes)?;
        bytes = &bytes[place + 1..];
        match bytes.first()? {
            // A stuffed byte of data, or a fill byte before a marker.
            0x00 | 0xff => {}
            marker => return Some((*marker, &bytes[1..])),
        }
    }
}

/// The segment behind its marker, without its length; `None` where it is cut short.
fn segment(after: &[u8]) -> Option<&[u8]> {
    let (length, rest) = after.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)).checked_sub(2)?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn golden(name: &str) -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/decode");
        std::fs::read(folder.join(name)).unwrap()
    }

    /// A frame of three components, then scans of so many components each.
    fn jpeg(frame: u8, scans: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8, 0xff, frame, 0, 8, 8, 0, 4, 0, 4, 3];
        for components in scans {
            bytes.extend([0xff, START_OF_SCAN, 0, 3, *components, 0x12, 0xff, 0x00, 0x34]);
        }
        bytes.extend([0xff, END_OF_IMAGE]);
        bytes
    }

    #[test]
    fn one_scan_of_all_components_keeps_nothing() {
        let scans = Scans::of(&jpeg(0xc0, &[3]));
        assert_eq!((scans.count, scans.coefficient_bytes()), (1, 0));
    }

    #[test]
    fn several_scans_are_counted_and_keep_coefficients() {
        assert_eq!(Scans::of(&jpeg(0xc2, &[3, 1, 1, 1])).count, 4);
        assert_eq!(Scans::of(&jpeg(0xc2, &[3])).coefficient_bytes(), 6);
        assert_eq!(Scans::of(&jpeg(0xc0, &[1, 1, 1])).coefficient_bytes(), 6);
    }

    #[test]
    fn damage_ends_the_count_and_nothing_else() {
        let whole = jpeg(0xc2, &[3, 1, 1]);
        assert!(Scans::of(&whole).whole);
        for cut in 0..whole.len() {
            let scans = Scans::of(&whole[..cut]);
            assert!(scans.count <= 3 && !scans.whole, "{cut}");
        }
        assert_eq!(Scans::of(b"\xff\xd8\xff\xda\x00\x00\xff\xda\x00\x01").count, 0);
    }

    #[test]
    fn what_no_file_holds_ends_it_and_what_lies_behind_its_end_does_not_count() {
        let whole = jpeg(0xc0, &[3]);
        let end = whole.len() - 2;
        for marker in [0x02, 0xbf, START_OF_IMAGE, 0xf0] {
            let bytes = [&whole[..end], &[0xff, marker], &whole[end..]].concat();
            assert!(!Scans::of(&bytes).whole, "{marker:x}");
        }
        for between in [&[0xff, RESTART_7][..], &[0xff, TEMPORARY], &[0xff, 0xff], b"bytes"] {
            let bytes = [&whole[..end], between, &whole[end..], &whole, &[0xff]].concat();
            assert!(Scans::of(&bytes).whole, "{between:x?}");
        }
    }

    #[test]
    fn real_files_have_a_scan() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/decode");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if Path::new(&name).extension().is_some_and(|ending| ending == "jpg") {
                let scans = Scans::of(&golden(&name));
                assert!(scans.count >= 1 && scans.whole, "{name}");
            }
        }
    }
}
