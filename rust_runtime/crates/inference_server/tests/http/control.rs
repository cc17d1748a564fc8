//! Who may load and unload, and what becomes of a model that was.

use std::fs;

use serde_json::{Value, json};

use crate::{
    client::Reply,
    models::plain,
    server::{Server, rten},
};

const TOKEN: &str = "a-token-of-24-characters";

fn server(control: &Value) -> Server {
    Server::start(json!({"models": [rten(&plain("pair.onnx"))], "control": control}))
}

fn control(server: &Server, verb: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let path = format!("/v2/repository/models/pair/{verb}");
    server.client().ask("POST", &path, headers, body.as_bytes())
}

#[test]
fn the_control_side_is_off_by_default() {
    let server = server(&json!({}));
    for verb in ["load", "unload"] {
        control(&server, verb, &[], "").is_error(403, "forbidden");
        let token = [("Authorization", "Bearer anything")];
        control(&server, verb, &token, "").is_error(403, "forbidden");
    }
    server.is_well();
}

#[test]
fn a_token_opens_it_to_whoever_has_it() {
    let server = server(&json!({ "token": TOKEN }));
    control(&server, "unload", &[], "").is_error(401, "unauthorized");
    let wrong = [("Authorization", "Bearer a-token-of-24-characterS")];
    control(&server, "unload", &wrong, "").is_error(401, "unauthorized");
    let bearer = format!("Bearer {TOKEN}");
    let right = [("Authorization", bearer.as_str())];
    let unloaded =
        control(&server, "unload", &right, r#"{"parameters":{"unload_dependents":false}}"#);
    assert_eq!(unloaded.status, 200, "{unloaded:?}");
    server.get("/v2/models/pair").is_error(503, "unavailable");
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    let counted = r#"oxidizedvision_requests_total{model="pair",version="",code="503"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    let index = server.ask("POST", "/v2/repository/index", b"").json();
    assert_eq!(index[0]["state"], "UNAVAILABLE", "{index}");
    assert_eq!(server.get("/v2/models/pair/ready").status, 503);
    let loaded = control(&server, "load", &right, "");
    assert_eq!(loaded.status, 200, "{loaded:?}");
    assert_eq!(server.get("/v2/models/pair/ready").status, 200);
    let foreign = r#"{"parameters":{"file:1/model.onnx":"AAAA"}}"#;
    control(&server, "load", &right, foreign).is_error(400, "bad_input");
    let other = "/v2/repository/models/other/load";
    server.client().ask("POST", other, &right, b"").is_error(404, "not_found");
}

#[test]
fn loopback_opens_it_to_programs_here_but_to_no_web_page() {
    let server = server(&json!({ "loopback": true }));
    assert_eq!(control(&server, "load", &[], "").status, 200);
    let page = [("Origin", "http://evil.example")];
    control(&server, "unload", &page, "").is_error(403, "forbidden");
    control(&server, "unload", &[("X-Forwarded-For", "10.0.0.1")], "").is_error(403, "forbidden");
    server.is_well();
}

#[test]
fn a_load_that_fails_changes_nothing_and_tells_no_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pair.onnx");
    fs::copy(plain("pair.onnx"), &path).unwrap();
    let settings = json!({"models": [rten(&path)], "control": {"loopback": true}});
    let server = Server::start(settings);
    fs::write(&path, b"no model").unwrap();
    let failed = control(&server, "load", &[], "");
    failed.is_error(409, "conflict");
    let text = failed.json()["error"].as_str().unwrap().to_owned();
    assert!(
        text.contains("pair.onnx") && !text.contains(folder.path().to_str().unwrap()),
        "{text}"
    );
    server.is_well();
    let body = json!({"inputs": {"left": [[1, 2, 3, 4]], "right": [[1, 1, 1, 1]]}});
    assert_eq!(server.post("/predict", &body).status, 200);
}
