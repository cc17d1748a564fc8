//! What is too large, too much or no picture is refused, and costs nothing.

use super::*;

/// The header of a picture of 50,000 x 50,000 pixels, and nothing else.
fn bomb() -> Vec<u8> {
    let mut file = b"BM".to_vec();
    for number in [54_u32, 0, 54, 40, 50_000, 50_000, 1 | 24 << 16, 0, 0, 0, 0, 0, 0] {
        file.extend(number.to_le_bytes());
    }
    file
}

#[test]
fn what_is_no_picture_or_too_large_is_refused_by_its_header() {
    let version = echo(&[PICTURE, IMAGE]);
    let limits = Limits::default();
    let cut = png(&picture(64, 64, 0));
    for (file, kind) in [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), ErrorKind::UnsupportedMedia),
        (b"II*\0\x08\0\0\0".to_vec(), ErrorKind::UnsupportedMedia),
        (Vec::new(), ErrorKind::UnsupportedMedia),
        (cut[..cut.len() / 2].to_vec(), ErrorKind::BadInput),
    ] {
        let error = refused(&version, &limits, file);
        assert_eq!((error.kind(), error.model()), (kind, Some("m")), "{error}");
    }
    let small = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        refused(&version, &limits, png(&picture(64, 64, 0))).kind()
    };
    assert_eq!(small(|limits| limits.pictures.pixels = 64 * 64 - 1), ErrorKind::TooLarge);
    assert_eq!(small(|limits| limits.pictures.decode_memory = 9000), ErrorKind::TooLarge);
    assert_eq!(small(|limits| limits.request.memory = 9000), ErrorKind::TooLarge);
    let error = refused(&version, &limits, bomb());
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
}

#[test]
fn decoding_waits_for_memory_and_gives_it_back() {
    let version = echo(&[PICTURE, IMAGE]);
    let pictures = pictures(&Limits::default());
    let all = pictures.memory.available_permits();
    let held = Arc::clone(&pictures.memory).try_acquire_many_owned(all as u32).unwrap();
    let request = || PictureRequest::new(png(&picture(64, 64, 0)));
    let soon = Some(Instant::now() + Duration::from_millis(20));
    let pressed = PictureRequest { deadline: soon, ..request() };
    let error = block_on(pictures.predict(&version, pressed)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| block_on(pictures.predict(&version, request())));
        drop(held);
        assert!(waiting.join().unwrap().is_ok());
    });
    assert_eq!(pictures.memory.available_permits(), all);
}

#[test]
fn pictures_wait_as_files_and_those_beyond_are_refused_at_once() {
    let (engine, gate) = held_on_white();
    let limits = QueueLimits { requests: 2, ..QueueLimits::default() };
    let version = version_with(engine, &[PICTURE, IMAGE], 1, limits);
    let pictures = pictures(&Limits::default());
    let predict =
        |given: Picture| block_on(pictures.predict(&version, PictureRequest::new(png(&given))));
    let predict = &predict;
    thread::scope(|scope| {
        let first = scope.spawn(move || predict(white()));
        gate.entered();
        let others: Vec<_> =
            (0..3).map(|from| scope.spawn(move || predict(picture(8, 8, from)))).collect();
        until(|| version.waiting_pictures() == 2 && version.load().waiting == 1);
        let error = predict(picture(8, 8, 9)).unwrap_err();
        assert_eq!((error.kind(), error.model()), (ErrorKind::QueueFull, Some("m")));
        assert!(error.retry_after().is_some());
        gate.open();
        assert!(others.into_iter().all(|other| other.join().unwrap().is_ok()));
        assert!(first.join().unwrap().is_ok());
    });
}

#[test]
fn pictures_in_more_tiles_than_may_wait_are_let_in_one_after_the_other() {
    let limits = QueueLimits { requests: 2, ..QueueLimits::default() };
    let slow = Engine::new(one_to_one(&ANY), |inputs| {
        thread::sleep(Duration::from_millis(1));
        Ok(inputs)
    });
    let version = version_with(slow, &[PICTURE, IMAGE, TILING], 1, limits);
    let pictures = pictures(&Limits::default());
    let given = picture(700, 300, 5);
    let predict = || block_on(pictures.predict(&version, PictureRequest::new(png(&given))));
    thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(predict)).collect();
        for reply in all {
            assert_eq!(shown(&reply.join().unwrap().unwrap()).0, &given);
        }
    });
}
