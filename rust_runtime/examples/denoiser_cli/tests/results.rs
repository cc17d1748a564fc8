//! Runs the executable on models that tell classes, masks and boxes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};
use vision_io::{OutputFormat, Picture, decode, encode};

const RESIZED: &str = r#"{"resize":{"width":32,"height":32,"mode":"fit"}}"#;

/// A model of `tests/models` with a contract: protobuf fields may simply be added at the end.
fn model_with(folder: &Path, name: &str, preprocess: &str, postprocess: &str) -> PathBuf {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models");
    let mut bytes = fs::read(models.join(name)).unwrap();
    let field = |tag: u8, text: &[u8]| [&[tag, u8::try_from(text.len()).unwrap()], text].concat();
    for (key, value) in [("oxv.preprocess", preprocess), ("oxv.postprocess", postprocess)] {
        let entry = [field(0x0a, key.as_bytes()), field(0x12, value.as_bytes())].concat();
        assert!(entry.len() < 128, "a length of one byte: {value}");
        bytes.extend(field(0x72, &entry));
    }
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// A picture of one colour.
fn write_even(path: &Path, (width, height): (usize, usize), color: [u8; 3]) {
    let picture = Picture::new(width, height, 3, color.repeat(width * height)).unwrap();
    fs::write(path, encode(&picture, OutputFormat::Png).unwrap()).unwrap();
}

fn run(model: &Path, arguments: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_denoiser_cli"))
        .arg("--model")
        .arg(model)
        .args(["--engine", "rten", "--json"])
        .args(arguments)
        .output()
        .unwrap()
}

fn succeed(model: &Path, arguments: &[&Path]) -> Value {
    let output = run(model, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn document(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn classes_are_written_as_a_document() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let contract =
        r#"{"kind":"classification","labels":["r","g","b"],"top_k":2,"activation":"none"}"#;
    let model = model_with(folder.path(), "classifier.onnx", "{}", contract);
    write_even(&path("in.png"), (20, 10), [51, 255, 102]);
    let report = succeed(&model, &[&path("in.png"), &path("out.json")]);
    assert_eq!(report["outputs"][0]["kind"], "classification");
    let got = document(&path("out.json"));
    assert_eq!((&got["schema_version"], &got["kind"]), (&json!(1), &json!("classification")));
    let classes: Vec<(&Value, &Value)> =
        got["classes"].as_array().unwrap().iter().map(|c| (&c["label"], &c["class_id"])).collect();
    assert_eq!(classes, [(&json!("g"), &json!(1)), (&json!("b"), &json!(2))]);
    assert!((got["classes"][0]["score"].as_f64().unwrap() - 1.0).abs() < 1e-5);
}

#[test]
fn boxes_of_two_outputs_come_back_to_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let contract = r#"{"kind":"detection","boxes":"boxes","scores":"scores"}"#;
    let model = model_with(folder.path(), "detector.onnx", RESIZED, contract);
    // Half as high as wide: 8 rows of 32 are padding, above and below.
    write_even(&path("in.png"), (64, 32), [255, 255, 0]);
    let report = succeed(&model, &[&path("in.png"), &path("out.json")]);
    assert_eq!(report["outputs"][0]["name"], Value::Null);
    let got = document(&path("out.json"));
    assert_eq!((&got["width"], &got["height"]), (&json!(64), &json!(32)));
    let boxes: Vec<&Value> =
        got["detections"].as_array().unwrap().iter().map(|found| &found["box"]).collect();
    assert_eq!(boxes, [&json!([0.0, 0.0, 32.0, 16.0]), &json!([16.0, 0.0, 64.0, 32.0])]);
}

#[test]
fn a_mask_is_a_picture_of_class_ids() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let contract = r#"{"kind":"segmentation"}"#;
    let model = model_with(folder.path(), "denoiser.onnx", "{}", contract);
    write_even(&path("in.png"), (30, 20), [0, 0, 255]);
    for input in ["in.png", "in.npy"] {
        if input == "in.npy" {
            succeed(&model, &[&path("in.png"), &path("numbers.npy")]);
            let values: ndarray::Array4<f32> = ndarray_npy::read_npy(path("numbers.npy")).unwrap();
            assert_eq!(values.shape(), [1, 3, 20, 30]);
            ndarray_npy::write_npy(path("in.npy"), &values).unwrap();
        }
        succeed(&model, &[&path(input), &path("mask.png")]);
        let mask = decode(&fs::read(path("mask.png")).unwrap()).unwrap();
        assert_eq!((mask.width(), mask.height()), (30, 20));
        assert!(mask.pixels().iter().all(|id| *id < 3));
        succeed(&model, &[&path(input), &path("mask.json")]);
        let total: u64 = document(&path("mask.json"))["classes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|class| class["pixels"].as_u64().unwrap())
            .sum();
        assert_eq!(total, 600);
    }
}

#[test]
fn a_file_of_another_kind_is_refused_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_even(&path("in.png"), (30, 20), [0, 0, 255]);
    let cases = [
        ("classifier.onnx", r#"{"kind":"classification"}"#, "out.png", "a document: .json"),
        ("denoiser.onnx", r#"{"kind":"segmentation"}"#, "out.jpg", "a mask: .png or .json"),
        ("denoiser.onnx", r#"{"kind":"image"}"#, "out.json", "a picture: .png"),
        ("denoiser.onnx", r#"{"kind":"raw"}"#, "out.json", "not a picture"),
        ("classifier.onnx", r#"{"kind":"classification","labels":["r"]}"#, "out.json", "names 1"),
    ];
    for (name, contract, output, says) in cases {
        let model = model_with(folder.path(), name, "{}", contract);
        let refused = run(&model, &[&path("in.png"), &path(output)]);
        let stderr = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(says), "{stderr}");
        assert!(stderr.contains("\nhint: "), "{stderr}");
        assert!(!path(output).exists());
    }
}
