//! Every path answers, in JSON, with what clients look for.

use serde_json::{Value, json};

use crate::{
    models::plain,
    server::{Server, rten},
};

fn pair() -> Server {
    Server::of(&plain("pair.onnx"))
}

#[test]
fn probes_find_their_keys() {
    let server = pair();
    let live = server.get("/v2/health/live");
    assert_eq!((live.status, live.json()), (200, json!({"live": true})));
    let ready = server.get("/v2/health/ready");
    assert_eq!((ready.status, ready.json()), (200, json!({"live": true, "ready": true})));
    let health = server.get("/health");
    let expected = json!({"status": "ok", "model": "pair", "backend": "rten"});
    assert_eq!((health.status, health.json()), (200, expected));
    for path in ["/v2/models/pair/ready", "/v2/models/pair/versions/1/ready"] {
        let reply = server.get(path);
        assert_eq!((reply.status, reply.json()), (200, json!({"name": "pair", "ready": true})));
    }
}

#[test]
fn the_server_tells_what_it_is() {
    let server = pair();
    for path in ["/v2", "/v2/"] {
        let told = server.get(path).json();
        assert!(told["name"].is_string() && told["version"].is_string(), "{told}");
        let extensions = told["extensions"].as_array().unwrap();
        assert!(extensions.contains(&json!("binary_tensor_data")), "{told}");
    }
}

#[test]
fn a_model_is_told_with_and_without_its_version() {
    let server = pair();
    for path in ["/v2/models/pair", "/v2/models/pair/versions/1"] {
        let told = server.get(path).json();
        assert_eq!((&told["name"], &told["versions"]), (&json!("pair"), &json!(["1"])));
        let left = json!({"name": "left", "datatype": "FP32", "shape": [-1, 4]});
        assert_eq!(told["inputs"][0], left);
        assert_eq!(told["outputs"].as_array().unwrap().len(), 2);
    }
    for path in ["/v2/models/pair/config", "/v2/models/pair/versions/1/config"] {
        let told = server.get(path).json();
        assert!(told["max_batch_size"].as_u64().unwrap() > 0, "{told}");
        assert_eq!(told["input"][0]["data_type"], "TYPE_FP32");
        assert_eq!(told["input"][0]["dims"], json!([4]));
    }
}

#[test]
fn statistics_have_tritons_layout() {
    let server = pair();
    for path in ["/v2/models/stats", "/v2/models/pair/stats", "/v2/models/pair/versions/1/stats"] {
        let told = server.get(path).json();
        let model = &told["model_stats"][0];
        assert_eq!((&model["name"], &model["version"]), (&json!("pair"), &json!("1")));
        assert_eq!(model["inference_stats"]["success"]["count"], 0, "{told}");
    }
}

#[test]
fn the_index_is_asked_for_with_or_without_a_body() {
    let server = pair();
    let expected = json!([{"name": "pair", "version": "1", "state": "READY", "reason": ""}]);
    for body in ["", "{}", r#"{"ready":true}"#] {
        let reply = server.ask("POST", "/v2/repository/index", body.as_bytes());
        assert_eq!((reply.status, reply.json()), (200, expected.clone()), "{body}");
    }
    server.ask("POST", "/v2/repository/index", b"[]").is_error(400, "bad_input");
}

#[test]
fn the_listing_says_what_each_model_takes() {
    let server = pair();
    let model = &server.get("/models").json()["models"][0];
    for (key, expected) in [
        ("name", json!("pair")),
        ("version", json!("1")),
        ("state", json!("READY")),
        ("backend", json!("rten")),
        ("pictures", json!(false)),
        ("postprocess", Value::Null),
        ("engines", json!(1)),
        ("device", json!("cpu")),
    ] {
        assert_eq!(model[key], expected, "{key} in {model}");
    }
    assert_eq!(model["inputs"][0]["name"], "left");
    assert_eq!(model["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn metrics_count_by_model_and_status() {
    let server = pair();
    server.get("/v2/models/pair");
    server.get("/v2/models/none");
    server.post("/predict", &json!({"inputs": {"left": [[1]]}})).is_error(400, "bad_input");
    let reply = server.get("/metrics");
    assert!(reply.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let text = String::from_utf8(reply.body).unwrap();
    for line in [
        r#"oxidizedvision_requests_total{model="pair",version="1",code="200"}"#,
        r#"oxidizedvision_requests_total{model="",version="",code="404"}"#,
        r#"oxidizedvision_requests_total{model="pair",version="1",code="400"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("none"), "{text}");
}

#[test]
fn pages_come_with_a_policy_and_can_be_turned_off() {
    let server = pair();
    for (path, kind) in [
        ("/", "text/html"),
        ("/status.js", "text/javascript"),
        ("/status.css", "text/css"),
        ("/docs", "text/html"),
        ("/docs.js", "text/javascript"),
        ("/openapi.json", "application/json"),
    ] {
        let reply = server.get(path);
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.header("content-type").unwrap().starts_with(kind), "{path}");
        if path != "/openapi.json" {
            let policy = reply.header("content-security-policy").unwrap();
            assert!(policy.contains("default-src 'none'"), "{path}");
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        }
    }
    let off = Server::start(json!({"pages": false, "models": [rten(&plain("pair.onnx"))]}));
    off.get("/").is_error(404, "not_found");
    assert_eq!(off.get("/openapi.json").status, 200);
}

#[test]
fn several_models_and_versions_are_told_apart() {
    let model = |file: &str, name: &str, version: &str| {
        let mut model = rten(&plain(file));
        (model["name"], model["version"]) = (json!(name), json!(version));
        model
    };
    let models = [
        model("pair.onnx", "a", "9"),
        model("pair.onnx", "a", "10"),
        model("dtype_f32.onnx", "b", "1"),
    ];
    let server = Server::start(json!({ "models": models }));
    assert_eq!(server.get("/v2/models/a").json()["versions"], json!(["9", "10"]));
    let row = |shape: [usize; 2]| json!({"shape": shape, "datatype": "FP32", "data": [1, 2, 3, 4]});
    let (mut left, mut right) = (row([1, 4]), row([1, 4]));
    (left["name"], right["name"]) = (json!("left"), json!("right"));
    let body = json!({ "inputs": [left, right] });
    for (path, version) in [("/v2/models/a/infer", "10"), ("/v2/models/a/versions/9/infer", "9")] {
        let reply = server.post(path, &body);
        assert_eq!((reply.status, &reply.json()["model_version"]), (200, &json!(version)));
    }
    for path in ["/v2/models/c", "/v2/models/a/versions/11", "/v2/models/c/ready"] {
        server.get(path).is_error(404, "not_found");
    }
    let named = server.post("/predict", &json!({"input": [1.0]}));
    named.is_error(400, "bad_input");
    assert!(named.json()["error"].as_str().unwrap().contains("a, b"), "{named:?}");
}
