//! The data is an encoded picture.
#![no_main]

use std::{panic, sync::Once};

use libfuzzer_sys::fuzz_target;
use vision_io::Undecoded;

const MOST_PIXELS: u64 = 4_000_000;

/// A panic inside a decoder is contained and told as an error, so it must not end the fuzzer; one
/// that is not contained still does.
fn let_decoders_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| panic::set_hook(Box::new(|_| {})));
}

fuzz_target!(|data: &[u8]| {
    let_decoders_panic();
    let Ok(undecoded) = Undecoded::open(data, MOST_PIXELS) else { return };
    let (width, height) = undecoded.sides();
    assert!(u64::from(width) * u64::from(height) <= MOST_PIXELS);
    let Ok(picture) = undecoded.decode() else { return };
    let (width, height) = (width as usize, height as usize);
    let sides = (picture.width(), picture.height());
    assert!(sides == (width, height) || sides == (height, width), "{sides:?}");
});
