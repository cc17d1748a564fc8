//! Tensors by both protocols, in JSON and binary, packed and not.

use std::io::Write;

use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use serde_json::{Value, json};

use crate::{
    client::Reply,
    models::plain,
    server::{INFER, Server, rows},
};

const PAIR: &str = "/v2/models/pair/infer";
const LENGTH: &str = "Inference-Header-Content-Length";

fn pair() -> Server {
    Server::of(&plain("pair.onnx"))
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// `left` 1 to 4, `right` ones: `left - 2 * right` and `left * right` as PyTorch's model has it.
fn request(data: bool) -> Value {
    let input = |name: &str, values: [f32; 4]| {
        let mut input = json!({"name": name, "shape": [1, 4], "datatype": "FP32"});
        if data {
            input["data"] = json!([values]);
        } else {
            input["parameters"] = json!({"binary_data_size": 16});
        }
        input
    };
    json!({
        "id": "seven",
        "inputs": [input("left", [1.0, 2.0, 3.0, 4.0]), input("right", [1.0; 4])],
    })
}

const DIFFERENCE: [f32; 4] = [-1.0, 0.0, 1.0, 2.0];
const PRODUCT: [f32; 4] = [1.0, 2.0, 3.0, 4.0];

fn check(reply: &Reply) {
    assert_eq!(reply.status, 200, "{reply:?}");
    let told = reply.json();
    assert_eq!((&told["model_name"], &told["model_version"]), (&json!("pair"), &json!("1")));
    assert_eq!(told["id"], "seven");
    let outputs = told["outputs"].as_array().unwrap();
    for (output, (name, values)) in
        outputs.iter().zip([("difference", DIFFERENCE), ("product", PRODUCT)])
    {
        let expected = json!({"name": name, "datatype": "FP32", "shape": [1, 4], "data": values});
        assert_eq!(output, &expected);
    }
}

#[test]
fn json_is_answered_by_json_without_any_content_type() {
    let server = pair();
    let reply = server.post(PAIR, &request(true));
    check(&reply);
    let timing = reply.header("server-timing").unwrap();
    for phase in ["queue;dur=", "infer;dur=", "encode;dur=", "total;dur="] {
        assert!(timing.contains(phase), "{timing}");
    }
    check(&server.post("/v2/models/pair/versions/1/infer", &request(true)));
}

#[test]
fn binary_tensors_come_and_go_behind_the_json() {
    let server = pair();
    let mut header = request(false);
    header["parameters"] = json!({"binary_data_output": true});
    header["outputs"] =
        json!([{"name": "product"}, {"name": "difference", "parameters": {"binary_data": false}}]);
    let header = header.to_string();
    let body = [header.as_bytes(), &bytes(&PRODUCT), &bytes(&[1.0; 4])].concat();
    let length = header.len().to_string();
    let reply = server.client().ask("POST", PAIR, &[(LENGTH, &length)], &body);
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
    let at: usize = reply.header(LENGTH).unwrap().parse().unwrap();
    let told: Value = serde_json::from_slice(&reply.body[..at]).unwrap();
    assert_eq!(told["outputs"][0]["parameters"]["binary_data_size"], 16);
    assert_eq!(told["outputs"][1]["data"], json!(DIFFERENCE));
    assert_eq!(reply.body[at..], bytes(&PRODUCT));
}

#[test]
fn packed_bodies_are_read_as_what_they_hold() {
    let server = pair();
    let plain = request(true).to_string();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(plain.as_bytes()).unwrap();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(plain.as_bytes()).unwrap();
    for (packing, body) in [("gzip", gzip.finish().unwrap()), ("deflate", zlib.finish().unwrap())] {
        let length = plain.len().to_string();
        let headers = [("Content-Encoding", packing), (LENGTH, length.as_str())];
        check(&server.client().ask("POST", PAIR, &headers, &body));
    }
    let brotli = [("Content-Encoding", "br")];
    server.client().ask("POST", PAIR, &brotli, b"x").is_error(415, "unsupported_media");
    let damaged = [("Content-Encoding", "gzip")];
    server.client().ask("POST", PAIR, &damaged, b"no gzip").is_error(400, "bad_input");
}

#[test]
fn a_bare_body_is_the_one_input() {
    let server = Server::gated(json!({}));
    let reply = server.client().ask("POST", INFER, &[(LENGTH, "0")], &bytes(&[1.0; 8]));
    assert_eq!(reply.status, 200, "{reply:?}");
    let at: usize = reply.header(LENGTH).unwrap().parse().unwrap();
    let told: Value = serde_json::from_slice(&reply.body[..at]).unwrap();
    assert_eq!(told["outputs"][0]["shape"], json!([2, 4]));
    assert_eq!(reply.body[at..], bytes(&[1.0; 8]));
}

#[test]
fn what_is_malformed_is_refused_with_the_inputs_name() {
    let server = pair();
    let bad = |body: &Value| {
        let reply = server.post(PAIR, body);
        reply.is_error(400, "bad_input");
        reply.json()["error"].as_str().unwrap().to_owned()
    };
    let mut wrong = request(true);
    wrong["inputs"][1]["shape"] = json!([1, 5]);
    assert!(bad(&wrong).contains("right"));
    let mut unknown = request(true);
    unknown["inputs"][0]["name"] = json!("up");
    assert!(bad(&unknown).contains("up"));
    let huge = json!({"inputs": [{"name": "left", "shape": [16, (1_u64 << 60) + 2],
        "datatype": "FP32", "data": []}]});
    assert!(bad(&huge).contains("left"));
    for body in ["", "{", "\u{feff}{}", "{\"inputs\":[NaN]}", "[]", "{\"inputs\":[]}"] {
        server.ask("POST", PAIR, body.as_bytes()).is_error(400, "bad_input");
    }
    let brackets = "[".repeat(250_000);
    server.ask("POST", PAIR, brackets.as_bytes()).is_error(400, "bad_input");
    for length in ["-1", "99999", "x", "0"] {
        let reply = server.client().ask("POST", PAIR, &[(LENGTH, length)], b"{}");
        reply.is_error(400, "bad_input");
    }
    check(&server.post(PAIR, &request(true)));
}

#[test]
fn what_json_has_no_number_for_is_null_and_said_so() {
    let server = Server::gated(json!({}));
    let header = json!({"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32",
        "parameters": {"binary_data_size": 16}}]})
    .to_string();
    let body = [header.as_bytes(), &bytes(&[f32::NAN, 1.0, f32::INFINITY, 2.0])].concat();
    let length = header.len().to_string();
    let reply = server.client().ask("POST", INFER, &[(LENGTH, &length)], &body);
    let output = reply.json()["outputs"][0].clone();
    assert_eq!(output["data"], json!([null, 1.0, null, 2.0]), "{output}");
    assert_eq!(output["parameters"]["non_finite"], true);
}

#[test]
fn predict_takes_one_tensor_or_several_by_name() {
    let server = pair();
    let reply = server.post(
        "/predict",
        &json!({"inputs": {
            "left": [[1, 2, 3, 4]], "right": {"data": [1, 1, 1, 1], "shape": [1, 4]},
        }}),
    );
    assert_eq!(reply.status, 200, "{reply:?}");
    let told = reply.json();
    assert_eq!(told["outputs"]["product"], json!({"output": PRODUCT, "shape": [1, 4]}));
    assert_eq!(told["model"], "pair");
    assert!(told["latency_ms"].as_f64().unwrap() >= 0.0);

    let one = Server::of(&plain("dynamic.onnx"));
    let body = json!({"input": vec![0.5; 12], "shape": [1, 3, 2, 2], "model": "dynamic"});
    let reply = one.post("/predict", &body);
    assert_eq!((reply.status, &reply.json()["shape"]), (200, &json!([1, 3, 2, 2])), "{reply:?}");
    one.post("/predict", &json!({"input": [1.0]})).is_error(400, "bad_input");
    one.post("/predict", &json!({"model": "other", "input": [1.0]})).is_error(404, "not_found");
    one.post("/predict?model=a", &json!({"model": "b", "input": [1.0]})).is_error(400, "bad_input");
    one.post("/predict?modle=a", &json!({"input": [1.0]})).is_error(400, "bad_input");
}

#[test]
fn requests_of_many_connections_share_runs_and_keep_their_answers() {
    let server = Server::gated(json!({}));
    let ask = |value: f32| {
        let mut client = server.client();
        let body = rows(&[value]).to_string();
        client.send(&crate::client::request("POST", INFER, &[], body.as_bytes()));
        client
    };
    let first = ask(5.0);
    server.gate.wait_held(1);
    let others: Vec<_> = [1.0, 2.0, 3.0].into_iter().map(|value| (value, ask(value))).collect();
    let text = |server: &Server| String::from_utf8(server.get("/metrics").body).unwrap();
    let waiting = r#"oxidizedvision_queue_depth{model="gated",version="1"} 3"#;
    crate::server::wait("three requests in the queue", || text(&server).contains(waiting));
    server.gate.open();
    for (value, mut client) in std::iter::once((5.0, first)).chain(others) {
        let reply = client.reply().unwrap();
        assert_eq!(reply.json()["outputs"][0]["data"], json!(vec![value; 4]), "{reply:?}");
    }
    assert_eq!(server.gate.runs(), 2, "the three that waited share one run");
}

#[test]
fn a_value_that_the_engine_cannot_hold_is_the_clients() {
    let server = Server::of(&plain("dtype_i64.onnx"));
    let ask = |value: i64| {
        let data = [value, 2, 3, 4, 5, 6];
        let input = json!({"name": "x", "shape": [2, 3], "datatype": "INT64", "data": data});
        server.post("/v2/models/dtype_i64/infer", &json!({ "inputs": [input] }))
    };
    assert_eq!(ask(i64::from(i32::MAX) / 2 - 1).status, 200);
    let refused = ask(i64::MAX);
    refused.is_error(400, "bad_input");
    let text = refused.json()["error"].as_str().unwrap().to_owned();
    assert!(text.contains("\"x\"") && text.contains("-2147483648 to 2147483647"), "{text}");
}
