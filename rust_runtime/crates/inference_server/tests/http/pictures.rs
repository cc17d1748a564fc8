//! Pictures in all four forms, answered by what they mean.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use vision_io::{OutputFormat, Picture, decode, encode};

use crate::{
    client::Reply,
    models::{CLASSES, IMAGE, PREPROCESS, of_pictures, plain, with_metadata},
    server::{Server, rten},
};

fn picture(width: usize, height: usize, color: [u8; 3]) -> Picture {
    Picture::new(width, height, 3, color.repeat(width * height)).unwrap()
}

fn png(width: usize, height: usize, color: [u8; 3]) -> Vec<u8> {
    encode(&picture(width, height, color), OutputFormat::Png).unwrap()
}

/// A denoiser, a classifier and a model that says nothing of its outputs.
fn server(settings: Value) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str, props: &[(&str, &str)]| {
        with_metadata(folder.path(), &of_pictures(name), props)
    };
    let denoiser = of("denoiser.onnx", &[PREPROCESS, IMAGE]);
    let classifier = of("classifier.onnx", &[PREPROCESS, CLASSES]);
    let bare = of("fixed.onnx", &[PREPROCESS]);
    let mut settings = settings;
    settings["models"] =
        [denoiser, classifier, bare, plain("pair.onnx")].iter().map(|path| rten(path)).collect();
    Server::start(settings)
}

fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        let head = format!(
            "--xx\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.png\"\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--xx--\r\n");
    body
}

const FORM: (&str, &str) = ("Content-Type", "multipart/form-data; boundary=xx");

fn classes(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{reply:?}");
    let told = reply.json();
    assert_eq!(told["model"], "classifier");
    assert_eq!(told["prediction"]["kind"], "classification", "{told}");
    told["prediction"]["classes"][0]["label"].clone()
}

#[test]
fn the_same_picture_in_every_form_means_the_same() {
    let server = server(json!({}));
    let file = png(40, 32, [10, 200, 30]);
    let encoded = STANDARD.encode(&file);
    let ask = |path: &str, headers: &[(&str, &str)], body: &[u8]| {
        server.client().ask("POST", path, headers, body)
    };
    let path = "/predict?model=classifier";
    assert_eq!(classes(&ask(path, &[("Content-Type", "image/png")], &file)), "g");
    assert_eq!(classes(&ask(path, &[], &file)), "g");
    assert_eq!(classes(&ask(path, &[FORM], &form(&[("file", &file)]))), "g");
    let by_field = form(&[("model", b"classifier"), ("file", &file)]);
    assert_eq!(classes(&ask("/predict", &[FORM], &by_field)), "g");
    let image = json!({"image": encoded, "model": "classifier"});
    assert_eq!(classes(&server.post("/predict", &image)), "g");

    let red = STANDARD.encode(png(40, 32, [200, 0, 0]));
    let list = json!({"instances": [{"b64": encoded}, {"b64": red}], "model": "classifier"});
    let told = server.post("/predict", &list).json();
    let labels = [0, 1].map(|index| told["predictions"][index]["classes"][0]["label"].clone());
    assert_eq!(labels, [json!("g"), json!("r")], "{told}");
    let two = form(&[("file", &file), ("file", &png(40, 32, [0, 0, 9]))]);
    let told = ask(path, &[FORM], &two).json();
    assert_eq!(told["predictions"][1]["classes"][0]["label"], "b", "{told}");
}

#[test]
fn a_picture_is_answered_by_a_picture() {
    let server = server(json!({}));
    let file = png(23, 17, [90, 90, 90]);
    let path = "/predict?model=denoiser";
    let reply = server.client().ask("POST", path, &[("Content-Type", "image/png")], &file);
    let told = reply.json();
    assert_eq!((reply.status, &told["prediction"]["kind"]), (200, &json!("image")), "{told}");
    assert_eq!([&told["prediction"]["width"], &told["prediction"]["height"]], [23, 17]);
    let inside = STANDARD.decode(told["prediction"]["png"].as_str().unwrap()).unwrap();
    let timing = reply.header("server-timing").unwrap();
    for phase in ["decode", "preprocess", "queue", "infer", "postprocess", "encode", "total"] {
        assert!(timing.contains(&format!("{phase};dur=")), "{timing}");
    }
    let headers = [("Content-Type", "image/png"), ("Accept", "image/png")];
    let bare = server.client().ask("POST", path, &headers, &file);
    assert_eq!(bare.header("content-type"), Some("image/png"), "{bare:?}");
    assert_eq!(bare.body, inside);
    let shown = decode(&bare.body).unwrap();
    assert_eq!((shown.width(), shown.height()), (23, 17));
}

#[test]
fn outputs_are_given_where_nothing_is_said_of_them_or_they_are_asked_for() {
    let server = server(json!({}));
    let file = png(40, 32, [0, 0, 0]);
    for path in ["/predict?model=fixed", "/predict?model=denoiser&tensors=true"] {
        let reply = server.client().ask("POST", path, &[("Content-Type", "image/png")], &file);
        assert_eq!(
            (reply.status, &reply.json()["shape"]),
            (200, &json!([1, 3, 32, 40])),
            "{reply:?}"
        );
    }
}

#[test]
fn infer_takes_a_picture_as_a_bytes_input() {
    let server = server(json!({}));
    let file = png(40, 32, [255, 0, 0]);
    let header = json!({"inputs": [{"name": "input", "shape": [1], "datatype": "BYTES",
        "parameters": {"binary_data_size": file.len() + 4}}]})
    .to_string();
    let length = u32::try_from(file.len()).unwrap().to_le_bytes();
    let body = [header.as_bytes(), &length, &file].concat();
    let told = header.len().to_string();
    let headers = [("Inference-Header-Content-Length", told.as_str())];
    let reply = server.client().ask("POST", "/v2/models/classifier/infer", &headers, &body);
    assert_eq!(reply.status, 200, "{reply:?}");
    let scores = reply.json()["outputs"][0]["data"].clone();
    assert!((scores[0].as_f64().unwrap() - 1.0).abs() < 1e-3, "{scores}");
}

#[test]
fn what_is_no_picture_is_refused_by_its_kind() {
    let server = server(json!({}));
    let ask = |kind: &str, body: &[u8]| {
        server.client().ask("POST", "/predict?model=denoiser", &[("Content-Type", kind)], body)
    };
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>";
    ask("image/jpeg", svg).is_error(415, "unsupported_media");
    ask("image/svg+xml", svg).is_error(415, "unsupported_media");
    ask("image/jpeg", b"<html></html>").is_error(415, "unsupported_media");
    ask("image/tiff", b"II*\0rest").is_error(415, "unsupported_media");
    ask("text/html", b"<html></html>").is_error(415, "unsupported_media");
    let whole = png(64, 64, [1, 2, 3]);
    ask("image/png", &whole[..whole.len() / 2]).is_error(400, "bad_input");
    let pair = "/predict?model=pair";
    let headers = [("Content-Type", "image/png")];
    server.client().ask("POST", pair, &headers, &whole).is_error(400, "bad_input");
    server
        .client()
        .ask("POST", "/predict", &[FORM], &form(&[("x", b"")]))
        .is_error(400, "bad_input");
    server
        .post("/predict", &json!({"image": "!!", "model": "denoiser"}))
        .is_error(400, "bad_input");
    server.is_well();
}

#[test]
fn a_picture_of_too_many_pixels_is_refused_by_its_header() {
    let server = server(json!({"limits": {"pictures": {"pixels": 1000, "count": 2}}}));
    let headers = [("Content-Type", "image/png")];
    let reply =
        server.client().ask("POST", "/predict?model=denoiser", &headers, &png(40, 32, [0; 3]));
    reply.is_error(413, "too_large");
    let small = STANDARD.encode(png(8, 8, [0; 3]));
    let three = json!({"instances": vec![json!({"b64": small}); 3], "model": "classifier"});
    server.post("/predict", &three).is_error(413, "too_large");
}

#[test]
fn of_several_pictures_the_one_at_fault_is_told() {
    let server = server(json!({}));
    let whole = png(8, 8, [0; 3]);
    let [whole, cut] = [&whole[..], &whole[..20]].map(|bytes| STANDARD.encode(bytes));
    let ask = |files: &[&String]| {
        let instances: Vec<_> = files.iter().map(|file| json!({"b64": file})).collect();
        let reply =
            server.post("/predict", &json!({"instances": instances, "model": "classifier"}));
        reply.is_error(400, "bad_input");
        reply.json()["error"].as_str().unwrap().to_owned()
    };
    assert!(ask(&[&whole, &cut, &whole]).contains("picture 2 of 3: "));
    assert!(!ask(&[&cut]).contains("picture 1 of"));
}
