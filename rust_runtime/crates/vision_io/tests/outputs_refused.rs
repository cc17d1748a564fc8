//! Proves that outputs which do not fit the contract are refused by kind, and that what is found
//! keeps its promises on seeded noise.

use ndarray::{Array, ArrayD, IxDyn};
use runner_core::{NamedTensors, Tensor};
use vision_io::{
    Detection, Detections, Mode, Placement, Postprocess, Prediction, Resize, VisionError,
    VisionErrorKind, postprocess,
};

const PICTURE: [usize; 2] = [100, 80];

fn read(
    outputs: &NamedTensors,
    json: &str,
    placement: &Placement,
) -> Result<Prediction, VisionError> {
    postprocess(outputs, &serde_json::from_str::<Postprocess>(json).unwrap(), placement)
}

fn named<const N: usize>(tensors: [(&str, Tensor); N]) -> NamedTensors {
    tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect()
}

fn filled(shape: &[usize], value: f32) -> Tensor {
    ArrayD::from_elem(IxDyn(shape), value).into()
}

fn kind(outputs: &NamedTensors, json: &str) -> VisionErrorKind {
    let placement = Placement::new(PICTURE, None);
    read(outputs, json, &placement).map(|found| format!("{found:?}")).unwrap_err().kind()
}

#[test]
fn other_axes_are_refused() {
    let cases: [(&str, &[&[usize]]); 4] = [
        ("classification", &[&[2, 5], &[5], &[1, 5, 1, 1], &[1, 0]]),
        ("segmentation", &[&[2, 3, 4, 4], &[3, 4, 4], &[1, 3], &[1, 3, 0, 4]]),
        ("detection", &[&[1, 5, 4], &[2, 5, 6], &[1, 1, 5, 6], &[20]]),
        ("image", &[&[2, 3, 4, 4], &[3, 4, 4], &[1, 2, 4, 4]]),
    ];
    for (name, shapes) in cases {
        for shape in shapes {
            let outputs = named([("output", filled(shape, 0.0))]);
            let json = format!(r#"{{"kind":"{name}"}}"#);
            assert_eq!(kind(&outputs, &json), VisionErrorKind::ShapeMismatch, "{name} {shape:?}");
        }
    }
}

#[test]
fn boxes_and_scores_must_fit_each_other() {
    let named_keys = r#""boxes":"b","scores":"s""#;
    let with_classes = r#""boxes":"b","scores":"s","classes":"c""#;
    let cases: [([&[usize]; 3], &str); 8] = [
        ([&[2, 5, 4], &[2, 5], &[1]], named_keys),
        ([&[1, 5, 5], &[1, 5], &[1]], named_keys),
        ([&[1, 5, 4], &[1, 6], &[1]], named_keys),
        ([&[1, 5, 4], &[5], &[1]], named_keys),
        ([&[5, 4], &[1, 1, 5], &[1]], named_keys),
        ([&[20], &[5], &[1]], named_keys),
        ([&[1, 5, 4], &[1, 5], &[1, 4]], with_classes),
        ([&[1, 5, 4], &[1, 5, 2], &[1, 5]], with_classes),
    ];
    for ([boxes, scores, classes], keys) in cases {
        let tensors = [("b", boxes), ("s", scores), ("c", classes)];
        let outputs = named(tensors.map(|(name, shape)| (name, filled(shape, 0.5))));
        let json = format!(r#"{{"kind":"detection",{keys}}}"#);
        assert_eq!(kind(&outputs, &json), VisionErrorKind::ShapeMismatch, "{boxes:?} {scores:?}");
    }
}

#[test]
fn attributes_labels_and_names_must_fit() {
    let output = |shape: &[usize]| named([("output", filled(shape, 0.9))]);
    let mismatch = VisionErrorKind::ShapeMismatch;
    let cases = [
        (output(&[1, 5, 5]), r#"{"kind":"detection","attributes":"objectness-scores"}"#, mismatch),
        (output(&[1, 5, 7]), r#"{"kind":"detection","attributes":"score-class"}"#, mismatch),
        (output(&[1, 5, 6]), r#"{"kind":"detection","labels":["one"]}"#, mismatch),
        (output(&[1, 5]), r#"{"kind":"classification","labels":["one"]}"#, mismatch),
        (output(&[1, 2, 4, 4]), r#"{"kind":"segmentation","labels":["one"]}"#, mismatch),
        (output(&[1, 2, 4, 4]), r#"{"kind":"segmentation","colors":[[0,0,0]]}"#, mismatch),
        (output(&[1, 5]), r#"{"kind":"raw"}"#, VisionErrorKind::InvalidContract),
        (
            output(&[1, 5, 6]),
            r#"{"kind":"detection","predictions":"other"}"#,
            VisionErrorKind::InvalidContract,
        ),
    ];
    for (outputs, json, wanted) in cases {
        assert_eq!(kind(&outputs, json), wanted, "{json}");
    }
    let two = named([("a", filled(&[1, 5], 0.0)), ("b", filled(&[1, 5], 0.0))]);
    assert_eq!(kind(&two, r#"{"kind":"classification"}"#), mismatch);
}

#[test]
fn what_is_not_finite_is_refused_where_it_counts() {
    for value in [f32::NAN, f32::INFINITY] {
        for (name, shape) in [
            ("classification", &[1, 5][..]),
            ("segmentation", &[1, 3, 4, 4]),
            ("detection", &[1, 5, 6]),
            ("image", &[1, 3, 4, 4]),
        ] {
            let outputs = named([("output", filled(shape, value))]);
            let json = format!(r#"{{"kind":"{name}"}}"#);
            assert_eq!(kind(&outputs, &json), VisionErrorKind::NotFinite, "{name}");
        }
    }
    // A box that scores too little may be anything.
    let mut values = Array::from_elem(IxDyn(&[1, 2, 5]), 9.0_f32);
    for (index, value) in
        [([0, 0, 0], 0.0), ([0, 0, 1], 0.0), ([0, 1, 4], 0.1), ([0, 1, 0], f32::INFINITY)]
    {
        values[&index[..]] = value;
    }
    let found = found(&named([("output", values.into())]), r#"{"kind":"detection"}"#, Mode::Fit);
    assert_eq!(found.detections.len(), 1);
}

#[test]
fn classes_without_a_label_are_refused_where_they_count() {
    let rows = vec![0.0_f32, 0.0, 9.0, 9.0, 0.9, 1.0, 0.0, 0.0, 9.0, 9.0, 0.0, -1.0];
    let outputs = |rows: Vec<f32>| {
        named([("output", ArrayD::from_shape_vec(IxDyn(&[1, 2, 6]), rows).unwrap().into())])
    };
    let json = r#"{"kind":"detection","attributes":"score-class"}"#;
    assert_eq!(found(&outputs(rows.clone()), json, Mode::Fit).detections[0].class_id, 1);
    let short = r#"{"kind":"detection","attributes":"score-class","labels":["one"]}"#;
    assert_eq!(kind(&outputs(rows.clone()), short), VisionErrorKind::ShapeMismatch);
    let mut counting = rows;
    counting[10] = 0.9;
    assert_eq!(kind(&outputs(counting), json), VisionErrorKind::ShapeMismatch);
}

fn found(outputs: &NamedTensors, json: &str, mode: Mode) -> Detections {
    let to = Resize { mode, ..Resize::stretch(64, 64) };
    let prediction = read(outputs, json, &Placement::new(PICTURE, Some(&to))).unwrap();
    let Prediction::Detection(found) = prediction else { panic!("boxes") };
    found
}

#[test]
fn equal_scores_keep_their_order_and_nothing_is_a_result() {
    let mut rows = Vec::new();
    for row in 0..64_u8 {
        rows.extend([0.0, 0.0, 9.0 + f32::from(row) / 8.0, 9.0, 0.5]);
    }
    let outputs = named([("o", ArrayD::from_shape_vec(IxDyn(&[1, 64, 5]), rows).unwrap().into())]);
    let json = r#"{"kind":"detection","iou_threshold":null}"#;
    let all = found(&outputs, json, Mode::Stretch).detections;
    assert_eq!(all.len(), 64);
    assert!(all.is_sorted_by_key(|item| item.bounds[2]));
    let exact = r#"{"kind":"detection","score_threshold":0.5}"#;
    assert!(found(&outputs, exact, Mode::Stretch).detections.is_empty());
    let none = named([("o", filled(&[1, 0, 5], 0.0))]);
    assert!(found(&none, json, Mode::Fit).detections.is_empty());
}

#[test]
fn what_overlaps_by_just_the_threshold_stays() {
    let rows = vec![0.0_f32, 0.0, 20.0, 10.0, 0.9, 0.0, 0.0, 10.0, 10.0, 0.8];
    let outputs = named([("o", ArrayD::from_shape_vec(IxDyn(&[1, 2, 5]), rows).unwrap().into())]);
    for (threshold, kept) in [(0.5, 2), (0.499, 1)] {
        let json = format!(r#"{{"kind":"detection","iou_threshold":{threshold}}}"#);
        assert_eq!(found(&outputs, &json, Mode::Stretch).detections.len(), kept);
    }
}

fn overlap(first: &Detection, second: &Detection) -> f64 {
    let (a, b) = (first.bounds, second.bounds);
    let side = |axis: usize| (a[axis + 2].min(b[axis + 2]) - a[axis].max(b[axis])).max(0.0);
    let area = |c: [f64; 4]| (c[2] - c[0]) * (c[3] - c[1]);
    side(0) * side(1) / (area(a) + area(b) - side(0) * side(1))
}

/// Seeded rows of a box and three scores, the same on every machine.
fn noise(rows: usize, seed: u64) -> NamedTensors {
    let mut state = seed + 1;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u32 << 24) as f32
    };
    let mut values = Vec::new();
    for _ in 0..rows {
        let [left, top, width, height] = [0; 4].map(|_| next() * 60.0);
        values.extend([left - 5.0, top - 5.0, width, height, next(), next(), next()]);
    }
    named([("o", ArrayD::from_shape_vec(IxDyn(&[1, rows, 7]), values).unwrap().into())])
}

#[test]
fn what_stays_is_sorted_inside_the_picture_and_apart() {
    let keys = r#""kind":"detection","box_format":"xywh","max_detections":30"#;
    for seed in 0..20 {
        let outputs = noise(80, seed);
        for mode in [Mode::Stretch, Mode::Fit, Mode::CenterCrop] {
            let kept = found(&outputs, &format!("{{{keys}}}"), mode).detections;
            let all = format!(r#"{{{keys},"iou_threshold":null,"max_detections":80}}"#)
                .replace(r#""max_detections":30,"#, "");
            let all = found(&outputs, &all, mode).detections;
            assert!(kept.len() <= 30 && kept.iter().all(|item| all.contains(item)));
            assert!(kept.is_sorted_by(|a, b| a.score >= b.score));
            for item in &all {
                let [left, top, right, bottom] = item.bounds;
                assert!(0.0 <= left && left < right && right <= 100.0);
                assert!(0.0 <= top && top < bottom && bottom <= 80.0);
                let rival = |other: &&Detection| {
                    other.class_id == item.class_id
                        && other.score > item.score
                        && overlap(other, item) > 0.5
                };
                let beaten = kept.iter().find(rival).is_some();
                let last = kept.last().is_some_and(|last| last.score > item.score);
                // Kept, beaten by one that is kept, or worse than the last that was wanted.
                assert_ne!(kept.contains(item), beaten || (kept.len() == 30 && last), "{item:?}");
            }
        }
    }
}
