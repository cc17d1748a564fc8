//! What the module does with models, pictures and goldens, without JavaScript.

use std::path::Path;

use ndarray::ArrayD;
use runner_core::Tensor;
use serde_json::{Value, json};
use vision_io::{OutputFormat, Picture, Prediction, encode};
use vision_model::Answer;
use wasm_frontend::{Fault, Predicted, Session, Settings, THREADS, version};

const PICTURES: &str = r#"{"preprocess":{},"postprocess":{"kind":"image"},"name":"residual"}"#;

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/models");
    std::fs::read(folder.join(name)).unwrap()
}

fn load(model: &str, options: &str) -> Result<Session, Fault> {
    Session::load(file(model), &Settings::read(options)?)
}

/// Goldens of the shared test data, with the metadata that `convert` writes.
fn goldens(name: &str) -> Vec<u8> {
    let bytes = file(name);
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut head: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let tolerance = r#"{"mae":1e-5,"cosine_similarity":0.999}"#;
    head["__metadata__"] = json!({"schema_version": "1", "tolerance": tolerance});
    let head = head.to_string().into_bytes();
    [&(head.len() as u64).to_le_bytes()[..], &head, &bytes[8 + length..]].concat()
}

fn picture(side: usize) -> Picture {
    let pixels = (0..side * side * 3).map(|value| (value * 7) as u8).collect();
    Picture::new(side, side, 3, pixels).unwrap()
}

fn rgba(picture: &Picture) -> Vec<u8> {
    picture.pixels().chunks(3).flat_map(|color| [color[0], color[1], color[2], 99]).collect()
}

fn image(predicted: &Predicted) -> &Picture {
    match predicted.prediction() {
        Some(Prediction::Image(picture)) => picture,
        other => panic!("no picture: {other:?}"),
    }
}

#[test]
fn the_answers_are_those_of_pytorch() {
    for model in ["residual", "dynamic", "pair"] {
        let session = load(&format!("{model}.onnx"), "{}").unwrap();
        let report = session.check_goldens(&goldens(&format!("{model}.safetensors"))).unwrap();
        assert!(report.passed(), "{model}: {report}");
    }
}

#[test]
fn goldens_of_another_kind_are_refused() {
    let session = load("residual.onnx", "{}").unwrap();
    let refused = session.check_goldens(&file("residual.safetensors")).unwrap_err();
    assert_eq!(refused.kind(), "input");
    assert!(refused.hint().contains("golden"), "{refused:?}");
}

#[test]
fn what_was_loaded_is_told() {
    let session = load("dynamic.onnx", r#"{"name":"mine"}"#).unwrap();
    assert_eq!(session.info().model, "mine");
    assert_eq!(session.info().backend_version, version());
    assert!(session.contract().is_none() && !THREADS);
}

#[test]
fn a_picture_comes_back_as_one_and_pixels_are_the_same_picture() {
    let session = load("residual.onnx", PICTURES).unwrap();
    let encoded = encode(&picture(8), OutputFormat::Png).unwrap();
    let predicted = session.predict(&encoded).unwrap();
    assert_eq!((predicted.width, predicted.height), (8, 8));
    assert_eq!((image(&predicted).width(), image(&predicted).height()), (8, 8));
    let again = session.predict_pixels(&rgba(&picture(8)), 8, 8).unwrap();
    assert_eq!(again.answer, predicted.answer);
    let timing = again.timing;
    assert!(timing.run > 0.0 && timing.preprocess >= 0.0 && timing.postprocess >= 0.0);
}

#[test]
fn a_picture_of_another_size_comes_back_in_its_own() {
    let session = load("residual.onnx", PICTURES).unwrap();
    let predicted = session.predict_pixels(&rgba(&picture(20)), 20, 20).unwrap();
    assert_eq!((image(&predicted).width(), image(&predicted).height()), (20, 20));
}

#[test]
fn without_a_meaning_the_numbers_come() {
    let options = r#"{"preprocess":{"resize":{"width":8,"height":8}}}"#;
    let session = load("residual.onnx", options).unwrap();
    let predicted = session.predict_pixels(&rgba(&picture(5)), 5, 5).unwrap();
    let Answer::Tensors(outputs, _) = predicted.answer else { panic!("a meaning") };
    assert_eq!((outputs[0].0.as_str(), outputs[0].1.shape()), ("y", &[1, 3, 8, 8][..]));
}

#[test]
fn what_cannot_be_is_refused_by_kind_and_with_a_next_step() {
    let session = load("residual.onnx", "{}").unwrap();
    let zeros = |shape: &[usize]| Tensor::from(ArrayD::<f32>::zeros(shape));
    let picture = encode(&picture(8), OutputFormat::Png).unwrap();
    let with_pictures = load("residual.onnx", PICTURES).unwrap();
    let cases = [
        (session.run(vec![]).map(drop), "missing_input"),
        (session.run(vec![("x".into(), zeros(&[1, 3, 8, 9]))]).map(drop), "shape_mismatch"),
        (session.predict(&picture).map(drop), "input"),
        (with_pictures.predict(&picture[..60]).map(drop), "input"),
        (with_pictures.predict_pixels(&[0; 12], 2, 2).map(drop), "input"),
        (load("residual.onnx", r#"{"inputShapes":{"x":[1,3,9,9]}}"#).map(drop), "shape_mismatch"),
        (load("residual.onnx", r#"{"threads":0}"#).map(drop), "invalid_option"),
        (load("residual.onnx", r#"{"postprocess":{"kind":"boxes"}}"#).map(drop), "config"),
        (load("residual.safetensors", "{}").map(drop), "corrupt"),
    ];
    for (index, (outcome, kind)) in cases.into_iter().enumerate() {
        let fault = outcome.expect_err("refused");
        assert_eq!(fault.kind(), kind, "{index}: {fault}");
        assert!(!fault.message().is_empty() && !fault.hint().is_empty(), "{index}: {fault:?}");
    }
}
