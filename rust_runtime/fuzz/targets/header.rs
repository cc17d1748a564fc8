//! The first line is the header field that tells the length of the JSON, the rest is the body.
#![no_main]

#[path = "../../crates/inference_server/tests/support/judge.rs"]
mod judge;

use inference_server::protocol::infer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = judge::limits();
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (header, rest) = data.split_at(end);
    let Ok(header) = str::from_utf8(header) else { return };
    let body = rest.get(1..).unwrap_or_default();
    for info in judge::models() {
        for pictures in [false, true] {
            let target = judge::target(&info, pictures);
            judge::check(infer::read(body, Some(header), &target, &limits), &info, &limits);
        }
    }
});
