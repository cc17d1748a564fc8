//! Proves that resizing is Pillow's with antialias to the last bit and PyTorch's without, within 1
//! of 255, and that modes are torchvision's and Pillow's to the pixel. The pictures in `goldens/resize.safetensors`
//! are made by `make_resize_goldens.py`.

use std::{fs, path::Path};

use safetensors::SafeTensors;
use serde_json::Value;
use vision_io::{Filter, Mode, Picture, Resize, resize};

fn picture(tensors: &SafeTensors<'_>, name: &str) -> Picture {
    let view = tensors.tensor(name).unwrap();
    let [height, width, channels] = view.shape()[..] else { panic!("{name}") };
    Picture::new(width, height, channels, view.data().to_vec()).unwrap()
}

fn worst(got: &Picture, expected: &Picture) -> u8 {
    let sides = |picture: &Picture| (picture.width(), picture.height(), picture.channels());
    assert_eq!(sides(got), sides(expected));
    let pairs = got.pixels().iter().zip(expected.pixels());
    pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn every_picture_filter_and_mode_is_pillows_or_pytorchs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/resize.safetensors");
    let bytes = fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let (mut faults, mut seen) = (Vec::new(), 0);
    for name in tensors.names() {
        let (source, json) = name.split_once('/').unwrap();
        if source == "source" {
            continue;
        }
        let to: Resize = serde_json::from_str(json).unwrap();
        let source = picture(&tensors, &format!("source/{source}"));
        let got = resize(&source, &to).unwrap();
        let difference = worst(&got, &picture(&tensors, name));
        let allowed = u8::from(!to.antialias && to.filter != Filter::Nearest);
        seen += 1;
        if difference > allowed {
            faults.push(format!("{name}: {difference}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert_eq!(seen, 8 * (6 * 2 * 5 + 3 + 4) + 2 * 89 + 2 * 2 * 2);
}

const FILTERS: [Filter; 6] = [
    Filter::Nearest,
    Filter::Box,
    Filter::Bilinear,
    Filter::Hamming,
    Filter::Bicubic,
    Filter::Lanczos,
];

/// Seeded noise: the same on every machine.
fn noise(width: usize, height: usize, channels: usize) -> Picture {
    let mut state = (width * 31 + height * 7 + channels) as u64 + 1;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    let pixels = (0..width * height * channels).map(|_| next()).collect();
    Picture::new(width, height, channels, pixels).unwrap()
}

fn each_resize(mut check: impl FnMut(&Picture, &Resize)) {
    for (width, height) in [(1, 1), (1, 17), (23, 1), (19, 31), (64, 48)] {
        for (to_width, to_height) in [(1, 1), (7, 40), (33, 5), (64, 48)] {
            for filter in FILTERS {
                for (antialias, mode) in [
                    (true, Mode::Stretch),
                    (false, Mode::Stretch),
                    (true, Mode::Fit),
                    (false, Mode::CenterCrop),
                ] {
                    let size = Resize::stretch(to_width, to_height);
                    check(&noise(width, height, 3), &Resize { mode, filter, antialias, ..size });
                }
            }
        }
    }
}

#[test]
fn the_size_is_the_one_wanted_and_an_even_picture_stays_even() {
    each_resize(|picture, to| {
        let got = resize(picture, to).unwrap();
        assert_eq!((got.width(), got.height(), got.channels()), (to.width, to.height, 3));
        let even = vec![201; picture.pixels().len()];
        let even = Picture::new(picture.width(), picture.height(), 3, even).unwrap();
        let to = Resize { pad: if to.mode == Mode::Fit { 201 } else { 0 }, ..*to };
        assert!(resize(&even, &to).unwrap().pixels().iter().all(|value| *value == 201), "{to:?}");
    });
}

fn one_of_three(picture: &Picture, channel: usize) -> Vec<u8> {
    picture.pixels().iter().skip(channel).step_by(3).copied().collect()
}

#[test]
fn channels_do_not_mix() {
    each_resize(|picture, to| {
        let all = resize(picture, to).unwrap();
        for channel in 0..3 {
            let own = one_of_three(picture, channel);
            let gray = Picture::new(picture.width(), picture.height(), 1, own).unwrap();
            let alone = resize(&gray, to).unwrap();
            assert_eq!(alone.pixels(), one_of_three(&all, channel), "{to:?}");
        }
    });
}

#[test]
fn a_size_that_is_the_pictures_own_changes_nothing() {
    let picture = noise(29, 13, 3);
    for filter in FILTERS {
        for antialias in [true, false] {
            let to = Resize { filter, antialias, ..Resize::stretch(29, 13) };
            assert_eq!(resize(&picture, &to).unwrap(), picture);
        }
    }
}

#[test]
fn a_resize_survives_json() {
    each_resize(|_, to| {
        let json: Value = serde_json::to_value(to).unwrap();
        assert_eq!(serde_json::from_value::<Resize>(json).unwrap(), *to);
    });
}
