//! Whatever bytes come, reading them ends in a request that fits the model or in an error of the
//! client's, and never in a panic.

mod support;

use inference_server::{
    Limits, ServerError,
    protocol::{Parsed, Target, Words, infer, predict},
};
use serde::de::IgnoredAny;
use support::{
    Random,
    judge::{check, limits, models, target},
    mutate, seeds,
};

const REQUESTS: usize = 200_000;

#[test]
fn every_mutated_request_is_read_or_refused() {
    let (models, limits, seeds) = (models(), limits(), seeds());
    let mut random = Random::new(0x0dd5_eed5);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..REQUESTS {
        let seed = random.choose(&seeds);
        let (body, header) = mutate(seed, &seeds, &mut random);
        let info = random.choose(&models);
        let target = target(info, random.below(2) == 0);
        let read = if seed.is_predict {
            predict::scan(&body, &limits).and_then(|form| form.read(&target, &limits))
        } else {
            infer::read(&body, header.as_deref(), &target, &limits)
        };
        if !seed.is_predict {
            check_apart(&body, header.as_deref(), &read, (&target, &limits));
        }
        if check(read, info, &limits) {
            accepted += 1;
            let is_json = serde_json::from_slice::<IgnoredAny>(&body).is_ok();
            assert!(is_json || header.is_some(), "{}", String::from_utf8_lossy(&body));
        } else {
            refused += 1;
        }
    }
    assert!(accepted > REQUESTS / 50, "only {accepted} were read: the mutations are too coarse");
    assert!(refused > REQUESTS / 4, "only {refused} were refused: the mutations are too fine");
}

/// A body whose JSON and binary data lie apart must be read as the whole one is.
fn check_apart(
    body: &[u8],
    header: Option<&str>,
    whole: &Result<Parsed<'_>, ServerError>,
    (target, limits): (&Target<'_>, &Limits),
) {
    let cut = header.and_then(infer::json_length);
    let Some((json, behind)) = cut.and_then(|cut| body.split_at_checked(cut)) else { return };
    let mut binary = Words::default();
    behind.chunks(7).for_each(|chunk| binary.extend_from_slice(chunk));
    let apart = infer::read_apart(json, &mut binary, target, limits);
    assert_eq!(format!("{apart:?}"), format!("{whole:?}"));
}
