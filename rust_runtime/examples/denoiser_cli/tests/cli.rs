//! Runs the executable as its users do, with engines and files that are real.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use ndarray::{Array4, ArrayD, s};
use serde_json::Value;
use vision_io::{OutputFormat, Picture, decode, encode};

const PREPROCESS: (&str, &str) = ("oxv.preprocess", r#"{"color":"rgb"}"#);
const POSTPROCESS: (&str, &str) = ("oxv.postprocess", r#"{"kind":"image"}"#);
const TILING: (&str, &str) = ("oxv.tiling", r#"{"overlap":3,"multiple":1}"#);

/// A file of `tests/models`.
fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

/// Writes a model of `tests/models` with metadata: protobuf fields may simply be added at the end.
fn model_with(folder: &Path, name: &str, props: &[(&str, &str)]) -> PathBuf {
    let mut bytes = fs::read(model(name)).unwrap();
    for (key, value) in props {
        let field = |tag: u8, text: &str| {
            let mut field = vec![tag, u8::try_from(text.len()).unwrap()];
            field.extend(text.as_bytes());
            field
        };
        let entry = [field(0x0a, key), field(0x12, value)].concat();
        bytes.extend([0x72, u8::try_from(entry.len()).unwrap()]);
        bytes.extend(entry);
    }
    assert!(props.iter().all(|(key, value)| key.len() + value.len() < 120), "one-byte lengths");
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// Runs the executable on a model with an engine.
fn run(model: &Path, engine: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_denoiser_cli"))
        .arg("--model")
        .arg(model)
        .args(["--engine", engine])
        .args(arguments)
        .output()
        .unwrap()
}

/// A path as an argument.
fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

const ENGINES: [&str; 2] = ["tract", "rten"];
const CONTRACT: [(&str, &str); 3] = [PREPROCESS, POSTPROCESS, TILING];

fn picture(width: usize, height: usize) -> Picture {
    let value = |index: usize| (index * 7 + index / 5 * 13 + index / 91 * 31) as u8;
    Picture::new(width, height, 3, (0..width * height * 3).map(value).collect()).unwrap()
}

fn write_picture(path: &Path, picture: &Picture) {
    let format = OutputFormat::from_path(path).unwrap();
    fs::write(path, encode(picture, format).unwrap()).unwrap();
}

fn read_picture(path: &Path) -> Picture {
    decode(&fs::read(path).unwrap()).unwrap()
}

fn succeed(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

fn worst(a: &Picture, b: &Picture) -> u8 {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    a.pixels().iter().zip(b.pixels()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn tiles_give_the_whole_picture_within_1_of_255() {
    let folder = tempfile::tempdir().unwrap();
    let model = model_with(folder.path(), "denoiser.onnx", &CONTRACT);
    let [input, whole, tiled] = ["in.png", "whole.png", "tiled.png"].map(|n| folder.path().join(n));
    write_picture(&input, &picture(101, 67));
    for engine in ENGINES {
        let go = |output: &Path, tile| {
            let done = run(&model, engine, &[text(&input), text(output), "--tile", tile, "--json"]);
            succeed(&done)
        };
        assert_eq!(go(&whole, "0")["picture"]["tiles"], 1);
        let done = go(&tiled, "24");
        assert_eq!(done["picture"]["tiles"], 24);
        assert_eq!((&done["outputs"][0]["width"], &done["backend"]), (&101.into(), &engine.into()));
        assert!(worst(&read_picture(&whole), &read_picture(&tiled)) <= 1);
        assert!(worst(&read_picture(&whole), &read_picture(&input)) > 0);
    }
}

#[test]
fn a_picture_and_its_tensor_give_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let model = model_with(folder.path(), "denoiser.onnx", &CONTRACT);
    let path = |name: &str| folder.path().join(name);
    let source = picture(33, 21);
    write_picture(&path("in.png"), &source);
    let tensor = Array4::from_shape_fn((1, 3, 21, 33), |(_, c, y, x)| {
        f32::from(source.pixels()[(y * 33 + x) * 3 + c]) / 255.0
    });
    ndarray_npy::write_npy(path("in.npy"), &tensor).unwrap();
    for (input, output) in [("in.png", "a.npy"), ("in.npy", "b.npy"), ("in.npy", "c.png")] {
        let output = format!("output={}", text(&path(output)));
        let input = format!("input={}", text(&path(input)));
        succeed(&run(&model, "rten", &["--input", &input, "--output", &output]));
    }
    succeed(&run(&model, "rten", &[text(&path("in.png")), text(&path("d.png"))]));
    let read = |name| ndarray_npy::read_npy::<_, ArrayD<f32>>(path(name)).unwrap();
    let (a, b) = (read("a.npy"), read("b.npy"));
    assert_eq!(a.shape(), [1, 3, 21, 33]);
    assert!((&a - &b).iter().all(|difference| difference.abs() < 1e-6));
    assert!((&a - &tensor.into_dyn()).slice(s![.., .., 5, 5]).iter().any(|value| *value != 0.0));
    assert!(worst(&read_picture(&path("c.png")), &read_picture(&path("d.png"))) <= 1);
}

#[test]
fn every_size_and_format_goes_through() {
    let folder = tempfile::tempdir().unwrap();
    let model = model_with(folder.path(), "denoiser.onnx", &CONTRACT);
    for (width, height) in [(1, 1), (1, 50), (50, 1), (3, 2), (37, 41)] {
        for ending in ["png", "jpg", "webp"] {
            let [input, output] =
                ["in", "out"].map(|name| folder.path().join(format!("{name}.{ending}")));
            write_picture(&input, &picture(width, height));
            let arguments = [text(&input), text(&output), "--tile", "16"];
            succeed(&run(&model, "rten", &arguments));
            let result = read_picture(&output);
            assert_eq!((result.width(), result.height()), (width, height), "{ending}");
            assert!(image_starts_like(&fs::read(&output).unwrap(), ending));
        }
    }
}

fn image_starts_like(bytes: &[u8], ending: &str) -> bool {
    match ending {
        "png" => bytes.starts_with(b"\x89PNG"),
        "jpg" => bytes.starts_with(&[0xff, 0xd8]),
        _ => &bytes[8..12] == b"WEBP",
    }
}

#[test]
fn a_turned_photograph_comes_out_upright() {
    let folder = tempfile::tempdir().unwrap();
    let model = model_with(folder.path(), "denoiser.onnx", &CONTRACT);
    let turned = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../crates/vision_io/tests/goldens/decode/orientation-6.jpg");
    let output = folder.path().join("out.png");
    succeed(&run(&model, "rten", &[text(&turned), text(&output)]));
    let result = read_picture(&output);
    assert_eq!((result.width(), result.height()), (17, 23));
}

#[test]
fn a_model_of_a_fixed_size_takes_other_pictures_and_says_how() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output, fitting] =
        ["in.png", "out.png", "fit.png"].map(|name| folder.path().join(name));
    write_picture(&input, &picture(90, 70));
    write_picture(&fitting, &picture(40, 32));
    let resizing = model_with(folder.path(), "fixed.onnx", &[PREPROCESS, POSTPROCESS]);

    let done = run(&resizing, "rten", &[text(&fitting), text(&output), "--json"]);
    assert_eq!(succeed(&done)["picture"]["method"], "direct");
    assert!(done.stderr.is_empty());

    let done = run(&resizing, "rten", &[text(&input), text(&output), "--json"]);
    let json = succeed(&done);
    assert_eq!(json["picture"]["method"], "resized");
    assert_eq!(json["picture"]["width"], 40);
    assert!(json["notes"][0].as_str().unwrap().contains("40 x 32"));
    assert!(String::from_utf8_lossy(&done.stderr).starts_with("note: "));
    assert_eq!(read_picture(&output).width(), 90);

    let numbers = folder.path().join("out.npy");
    let refused = run(&resizing, "rten", &[text(&input), text(&numbers)]);
    assert_eq!(refused.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert!(stderr.contains("40 x 32") && stderr.contains("90 x 70"), "{stderr}");
    assert!(stderr.contains("preprocess.resize"), "{stderr}");

    let tiling = model_with(folder.path(), "fixed.onnx", &CONTRACT);
    let json = succeed(&run(&tiling, "tract", &[text(&input), text(&output), "--json"]));
    assert_eq!(
        (&json["picture"]["method"], &json["picture"]["tiles"]),
        (&"tiled".into(), &9.into())
    );
    let any_size = model_with(folder.path(), "denoiser.onnx", &CONTRACT);
    let whole = folder.path().join("whole.png");
    succeed(&run(&any_size, "rten", &[text(&input), text(&whole), "--tile", "0"]));
    assert!(worst(&read_picture(&whole), &read_picture(&output)) <= 1);
}

#[test]
fn a_contract_with_a_size_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let preprocess = ("oxv.preprocess", r#"{"resize":{"width":40,"height":32,"mode":"fit"}}"#);
    let model = model_with(folder.path(), "fixed.onnx", &[preprocess, POSTPROCESS]);
    let [input, output] = ["in.png", "out.png"].map(|name| folder.path().join(name));
    write_picture(&input, &picture(90, 70));
    let json = succeed(&run(&model, "rten", &[text(&input), text(&output), "--json"]));
    assert_eq!(json["picture"]["method"], "contract");
    assert_eq!((read_picture(&output).width(), read_picture(&output).height()), (40, 32));
}

#[test]
fn info_and_benchmark_are_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = model_with(folder.path(), "denoiser.onnx", &CONTRACT);
    for engine in ENGINES {
        let info = succeed(&run(&path, engine, &["--info"]));
        assert_eq!(
            info["model"]["inputs"][0]["dims"],
            serde_json::json!([1, 3, "height", "width"])
        );
        assert_eq!(info["contract"]["tiling"]["overlap"], 3);
        assert_eq!(info["model_sha256"].as_str().unwrap().len(), 64);

        let arguments =
            ["--benchmark", "4", "--warmup", "1", "--shape", "1,3,16,16", "--threads", "1"];
        let times = succeed(&run(&path, engine, &arguments));
        assert_eq!(times["latency_ms"].as_array().unwrap().len(), 4);
        assert_eq!((&times["schema_version"], &times["backend"]), (&1.into(), &engine.into()));
        for key in ["load_ms", "first_ms", "threads"] {
            assert!(times[key].as_f64().unwrap() > 0.0, "{key}");
        }
        #[cfg(target_os = "linux")]
        assert!(times["peak_rss_mib"].as_f64().unwrap() > 1.0);
    }
    let unsaid = run(&path, "rten", &["--benchmark", "1"]);
    assert_eq!(unsaid.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unsaid.stderr).contains("--shape"));
    succeed(&run(&model("fixed.onnx"), "rten", &["--benchmark", "1"]));
}

struct Refusal<'a> {
    model: &'a Path,
    engine: &'a str,
    arguments: Vec<&'a str>,
    code: i32,
    says: &'a str,
}

#[test]
fn inputs_and_outputs_of_no_use_end_in_one_clear_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for made in ["model", "out", "occupied.png"] {
        fs::create_dir(path(made)).unwrap();
    }
    let good = model_with(&path("model"), "denoiser.onnx", &CONTRACT);
    let (input, svg, cut) = (path("in.png"), path("drawing.jpg"), path("cut.png"));
    write_picture(&input, &picture(20, 20));
    fs::write(&svg, "<svg xmlns='http://www.w3.org/2000/svg'/>").unwrap();
    let whole = fs::read(&input).unwrap();
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let (integers, small) = (path("integers.npy"), path("small.npy"));
    ndarray_npy::write_npy(&integers, &ndarray::array![1_i64, 2]).unwrap();
    ndarray_npy::write_npy(&small, &Array4::<f32>::zeros((1, 1, 4, 4))).unwrap();

    let (out, numbers) = (path("out/x.png"), path("out/x.npy"));
    let refusals = [
        (&svg, &out, 2, "SVG"),
        (&cut, &out, 2, "cut short"),
        (&path("none.png"), &out, 2, "none.png"),
        (&path("out"), &out, 2, "folder"),
        (&integers, &numbers, 2, "float32"),
        (&small, &numbers, 2, "[1, 1, 4, 4]"),
        (&input, &path("out/x.gif"), 2, ".webp"),
        (&input, &path("nowhere/x.png"), 5, "nowhere"),
        (&input, &path("occupied.png"), 5, "folder"),
    ];
    for (input, output, code, says) in refusals {
        let arguments = vec![text(input), text(output)];
        check_refusal(&Refusal { model: &good, engine: "rten", arguments, code, says });
    }
    assert_eq!(fs::read_dir(path("out")).unwrap().count(), 0, "no file is left behind");
}

#[test]
fn commands_and_models_of_no_use_end_in_one_clear_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (good_folder, nan_folder) = (path("good"), path("nan"));
    for made in [&good_folder, &nan_folder, &path("out")] {
        fs::create_dir(made).unwrap();
    }
    let good = model_with(&good_folder, "denoiser.onnx", &CONTRACT);
    let huge = ("oxv.preprocess", r#"{"scale":1e38}"#);
    let nan = model_with(&nan_folder, "denoiser.onnx", &[huge, POSTPROCESS]);
    let bare = model("denoiser.onnx");
    let raw = model_with(folder.path(), "denoiser.onnx", &[PREPROCESS]);
    let (picture_file, none) = (path("in.png"), path("none.png"));
    write_picture(&picture_file, &picture(20, 20));

    let (out, numbers) = (path("out/x.png"), path("out/x.npy"));
    let (ok, out, numbers) = (text(&picture_file), text(&out), text(&numbers));
    let (wrong_name, to_wrong_name) = (format!("side={ok}"), format!("other={numbers}"));
    let refusals = [
        (&good, "rten", vec![ok], 2, "needed"),
        (&good, "rten", vec![ok, out, "--tile", "5"], 2, "--tile"),
        (&good, "rten", vec!["--input", &wrong_name, "--output", out], 2, "no input"),
        (&good, "rten", vec!["--input", ok, "--output", &to_wrong_name], 2, "no output"),
        (&good, "rten", vec![ok, out, "--threads", "0"], 2, "--threads"),
        (&good, "rten", vec![ok, out, "--device", "gpu"], 2, "--device"),
        (&good, "rten", vec![ok, out, "--device", "cuda"], 4, "cuda:0"),
        (&good, "tch", vec![ok, out], 4, "tch"),
        (&good, "torch", vec![ok, out], 4, "tract"),
        (&bare, "rten", vec![ok, out], 2, "`preprocess`"),
        (&raw, "rten", vec![ok, out], 2, "not a picture"),
        (&raw, "rten", vec![ok, numbers, "--tile", "8"], 2, "--tile"),
        (&nan, "tract", vec![ok, out], 2, "NaN"),
        (&picture_file, "rten", vec![ok, out], 2, "ONNX"),
        (&none, "tract", vec![ok, out], 2, "none.png"),
    ];
    for (model, engine, arguments, code, says) in refusals {
        check_refusal(&Refusal { model, engine, arguments, code, says });
    }
    assert_eq!(fs::read_dir(path("out")).unwrap().count(), 0, "no file is left behind");
}

fn check_refusal(refusal: &Refusal<'_>) {
    let output = run(refusal.model, refusal.engine, &refusal.arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    let told = format!("{:?}: {stderr}", refusal.arguments);
    assert_eq!(output.status.code(), Some(refusal.code), "{told}");
    assert!(stderr.starts_with("error: ") && stderr.contains(refusal.says), "{told}");
    assert!(stderr.lines().nth(1).is_some_and(|line| line.starts_with("hint: ")), "{told}");
    assert!(!stderr.contains("panicked") && output.stdout.is_empty(), "{told}");
    assert_eq!(stderr.lines().count(), 2, "{told}");
}

#[test]
fn an_engine_is_asked_for() {
    let output = Command::new(env!("CARGO_BIN_EXE_denoiser_cli"))
        .args(["--model", "m.onnx", "a.png", "b.png"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("tract, rten"));
}

#[test]
fn a_folder_becomes_a_folder_and_one_bad_input_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (given, made) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir(&given).unwrap();
    let png = encode(&picture(20, 12), OutputFormat::Png).unwrap();
    fs::write(given.join("b.png"), &png).unwrap();
    fs::write(given.join("a.bmp"), &png).unwrap();
    fs::write(given.join("bad.jpg"), "no picture").unwrap();
    fs::write(given.join("notes.txt"), "no input").unwrap();
    let model = model_with(folder.path(), "denoiser.onnx", &CONTRACT);
    let run = |arguments: &[&str]| run(&model, "rten", arguments);
    let done = run(&[text(&given), text(&made), "--json"]);
    assert_eq!(done.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    let rows = report["results"].as_array().unwrap();
    let failed: Vec<bool> = rows.iter().map(|row| !row["error"].is_null()).collect();
    assert_eq!(failed, [false, false, true], "{report}");
    assert!(report["skipped"][0].as_str().unwrap().ends_with("notes.txt"));
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert!(stderr.contains("note: left out what is no picture and no tensor: notes.txt"));
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&made), ["a.png", "b.png"]);
    let one = folder.path().join("one.png");
    assert!(run(&[text(&given.join("b.png")), text(&one)]).status.success());
    assert_eq!(fs::read(made.join("b.png")).unwrap(), fs::read(one).unwrap());
}

#[test]
fn a_folder_of_results_never_replaces_an_input_nor_another_result() {
    let folder = tempfile::tempdir().unwrap();
    let given = folder.path().join("in");
    fs::create_dir(&given).unwrap();
    let png = encode(&picture(20, 12), OutputFormat::Png).unwrap();
    fs::write(given.join("a.png"), &png).unwrap();
    let model = model_with(folder.path(), "denoiser.onnx", &CONTRACT);
    let refused = |output: &Path| {
        let done = run(&model, "rten", &[text(&given), text(output)]);
        assert_eq!(done.status.code(), Some(2));
        String::from_utf8(done.stderr).unwrap()
    };
    assert!(refused(&given).contains("would replace an input"));
    assert!(refused(&folder.path().join("out.png")).contains("is the name of a file"));
    assert!(!folder.path().join("out.png").exists());
    fs::write(given.join("a.bmp"), &png).unwrap();
    assert!(refused(&folder.path().join("out")).contains("would both become"));
    assert_eq!(fs::read(given.join("a.png")).unwrap(), png);
}

#[test]
fn a_result_never_replaces_its_own_input() {
    let folder = tempfile::tempdir().unwrap();
    let model = model_with(folder.path(), "denoiser.onnx", &CONTRACT);
    let file = folder.path().join("a.png");
    write_picture(&file, &picture(20, 12));
    let before = fs::read(&file).unwrap();
    let by_another_way = folder.path().join(".").join("a.png");
    let done = run(&model, "rten", &[text(&file), text(&by_another_way)]);
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("would replace an input"));
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn with_json_a_fault_is_a_document_too() {
    let folder = tempfile::tempdir().unwrap();
    let model = model_with(folder.path(), "denoiser.onnx", &CONTRACT);
    let (absent, result) = (folder.path().join("none.png"), folder.path().join("b.png"));
    let numbers = folder.path().join("b.npy");
    let other = format!("other={}", text(&numbers));
    for (kind, arguments) in [
        ("not_found", &[text(&absent), text(&result)][..]),
        ("usage", &["--threads", "none"]),
        ("usage", &["--no-such-option"]),
        ("usage", &[text(&absent)]),
        ("unknown_input", &["--input", &other, "--output", text(&numbers)]),
    ] {
        let done = run(&model, "rten", &[arguments, &["--json"]].concat());
        assert_eq!(done.status.code(), Some(2));
        let document: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(
            (&document["schema_version"], &document["error"]["kind"]),
            (&1.into(), &kind.into())
        );
        let message = document["error"]["message"].as_str().unwrap();
        assert!(String::from_utf8_lossy(&done.stderr).contains(message));
    }
}

#[test]
fn a_folder_of_results_that_cannot_be_written_is_no_fault_of_the_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let (given, made) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir(&given).unwrap();
    for name in ["a.png", "b.png"] {
        write_picture(&given.join(name), &picture(20, 12));
        fs::create_dir_all(made.join(name)).unwrap();
    }
    let model = model_with(folder.path(), "denoiser.onnx", &CONTRACT);
    let code = || run(&model, "rten", &[text(&given), text(&made)]).status.code();
    assert_eq!(code(), Some(5));
    fs::write(given.join("bad.jpg"), "no picture").unwrap();
    assert_eq!(code(), Some(2));
}

#[test]
fn an_engine_with_other_threads_than_asked_for_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let model = model_with(folder.path(), "denoiser.onnx", &CONTRACT);
    let [input, output] = ["in.png", "out.png"].map(|name| folder.path().join(name));
    write_picture(&input, &picture(20, 12));
    let told = |engine, threads| {
        let arguments = [text(&input), text(&output), "--threads", threads, "--json"];
        let done = run(&model, engine, &arguments);
        let document = succeed(&done);
        (document["notes"].to_string(), String::from_utf8(done.stderr).unwrap())
    };
    let (notes, stderr) = told("tract", "2");
    assert!(stderr.starts_with("warning: tract runs with 1 thread, and 2 were"), "{stderr}");
    assert!(notes.contains("1 thread"), "{notes}");
    for (engine, threads) in [("tract", "1"), ("rten", "2")] {
        assert_eq!(told(engine, threads), ("[]".to_owned(), String::new()));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_source_without_end_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = model_with(folder.path(), "denoiser.onnx", &CONTRACT);
    let output = folder.path().join("out.png");
    for device in ["/dev/zero", "/dev/null"] {
        let done = run(&model, "rten", &[device, text(&output)]);
        assert_eq!(done.status.code(), Some(2));
        let stderr = String::from_utf8(done.stderr).unwrap();
        assert!(stderr.contains("is a device") && stderr.contains("a pipe"), "{stderr}");
    }
}
