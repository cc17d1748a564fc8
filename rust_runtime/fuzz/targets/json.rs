//! The data is the whole body of every request that is JSON.
#![no_main]

#[path = "../../crates/inference_server/tests/support/judge.rs"]
mod judge;

use inference_server::protocol::{documents, infer, predict};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

fuzz_target!(|data: &[u8]| {
    let limits = judge::limits();
    let mut accepted = documents::read_control(data, &limits).is_ok();
    accepted |= documents::read_index(data, &limits).is_ok();
    for info in judge::models() {
        for pictures in [false, true] {
            let target = judge::target(&info, pictures);
            let read = infer::read(data, None, &target, &limits);
            accepted |= judge::check(read, &info, &limits);
            let form = predict::scan(data, &limits);
            let read = form.and_then(|form| form.read(&target, &limits));
            accepted |= judge::check(read, &info, &limits);
        }
    }
    let is_json = || serde_json::from_slice::<IgnoredAny>(data).is_ok();
    assert!(!accepted || data.trim_ascii().is_empty() || is_json(), "what was read is no JSON");
});
