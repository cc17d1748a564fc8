//! What is counted and timed is the request, whatever runs it takes.

use super::*;

const TILES: [(&str, &str); 3] = [PICTURE, IMAGE, TILING];
const RUN: Duration = Duration::from_millis(5);

/// An engine whose runs take time.
fn slow() -> Engine {
    Engine::new(one_to_one(&ANY), |inputs| {
        thread::sleep(RUN);
        Ok(inputs)
    })
}

/// Requests that were answered, and those that were not.
fn counts(version: &Version) -> (u64, u64) {
    let sums = version.statistics().inference_stats;
    let counts = [&sums.queue, &sums.compute_input, &sums.compute_infer, &sums.compute_output];
    assert!(counts.iter().all(|phase| phase.count == sums.success.count), "{sums:?}");
    (sums.success.count, sums.fail.count)
}

fn tiled() -> PictureRequest<Vec<u8>> {
    PictureRequest::new(png(&picture(700, 300, 5)))
}

#[test]
fn a_picture_in_tiles_is_one_request() {
    let version = echo(&TILES);
    let reply = block_on(pictures(&Limits::default()).predict(&version, tiled())).unwrap();
    let Way::Tiled { tiles, .. } = reply.way else { panic!("{:?}", reply.way) };
    let told = version.statistics();
    assert_eq!((counts(&version), told.inference_count), ((1, 0), tiles as u64));
    assert!(tiles > 1 && told.execution_count >= 1);
}

#[test]
fn a_picture_in_tiles_that_fails_is_one_failure() {
    let version = version(Engine::poisoned(&ANY, 1.0, false), &TILES);
    let white = Picture::new(700, 300, 3, vec![255; 700 * 300 * 3]).unwrap();
    let error = refused(&version, &Limits::default(), png(&white));
    assert_eq!((error.kind(), counts(&version)), (ErrorKind::Fault, (0, 1)), "{error}");
}

#[test]
fn several_pictures_of_one_request_are_one() {
    let version = echo(&[PICTURE, IMAGE]);
    let pictures = pictures(&Limits::default());
    let requests = || [6, 7].map(|side| PictureRequest::new(png(&picture(side, 4, 1)))).into();
    assert_eq!(block_on(pictures.predict_all(&version, requests())).unwrap().0.len(), 2);
    assert_eq!((counts(&version), version.statistics().inference_count), ((1, 0), 2));
    block_on(pictures.infer_all(&version, requests())).unwrap_err();
    assert_eq!(counts(&version), (1, 1));
}

#[test]
fn no_phase_of_a_picture_in_tiles_is_longer_than_the_whole() {
    let version = version(slow(), &TILES);
    let pictures = pictures(&Limits::default());
    let start = Instant::now();
    let reply = block_on(pictures.predict(&version, tiled())).unwrap();
    let whole = start.elapsed();
    for (phase, time) in reply.timing.phases() {
        assert!(time <= whole, "{phase:?}: {time:?} of {whole:?}");
    }
    assert!(reply.timing.infer >= RUN, "{:?}", reply.timing);
    let told = version.statistics().inference_stats;
    assert_eq!(told.compute_infer.ns, reply.timing.infer.as_nanos() as u64);
}
