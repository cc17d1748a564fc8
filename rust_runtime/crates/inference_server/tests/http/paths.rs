//! Odd paths and wrong verbs are answered as cleanly as any.

use crate::{models::plain, server::Server};

fn pair() -> Server {
    Server::of(&plain("pair.onnx"))
}

#[test]
fn a_path_that_is_not_there_is_told_so() {
    let server = pair();
    let long = format!("/v2/models/{}", "a".repeat(8 << 10));
    for path in [
        "/nothing",
        "/v2/../etc/passwd",
        "/../x",
        "/v2/models/%00",
        "/v2/models/%2e%2e%2fx",
        "/v2/models/%ff%fe/ready",
        "/v2/models/a%22%0a%7d",
        "//v2/health/live",
        "/v2/models/pair/versions/%00/ready",
        "/v2/models/",
        "/V2",
        &long,
        "/v2/health/live?x=1&y",
    ] {
        let reply = server.get(path);
        let expected = if path.starts_with("/v2/health/live?") { 200 } else { 404 };
        assert_eq!(reply.status, expected, "{path:.60}: {reply:?}");
        if expected == 404 {
            reply.is_error(404, "not_found");
            assert!(reply.body.len() < 400, "{path:.60}");
        }
    }
    server.is_well();
}

#[test]
fn parts_of_the_protocol_that_are_missing_say_so() {
    let server = pair();
    for path in ["/v2/systemsharedmemory/status", "/v2/trace/setting", "/v2/logging"] {
        server.get(path).is_error(501, "not_implemented");
    }
    server
        .ask("POST", "/v2/cudasharedmemory/region/x/register", b"{}")
        .is_error(501, "not_implemented");
}

#[test]
fn another_verb_is_refused_with_those_that_are_taken() {
    let server = pair();
    for (verb, path, allowed) in [
        ("POST", "/v2/health/live", "GET, HEAD"),
        ("GET", "/v2/models/pair/infer", "POST"),
        ("DELETE", "/v2/models/pair", "GET, HEAD"),
        ("PUT", "/predict", "POST"),
        ("OPTIONS", "/predict", "POST"),
        ("GET", "/v2/repository/models/pair/load", "POST"),
        ("BREW", "/", "GET, HEAD"),
    ] {
        let reply = server.ask(verb, path, b"");
        reply.is_error(405, "method_not_allowed");
        assert_eq!(reply.header("allow"), Some(allowed), "{verb} {path}");
    }
}

#[test]
fn head_is_get_without_its_body() {
    let server = pair();
    let mut client = server.client();
    for path in ["/v2/health/live", "/v2/models/pair", "/", "/metrics", "/nothing"] {
        let get = client.ask("GET", path, &[], b"");
        let head = client.ask("HEAD", path, &[], b"");
        let expected = if path == "/nothing" { 404 } else { 200 };
        assert_eq!((head.status, head.body.len()), (expected, 0), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        let length: usize = head.header("content-length").unwrap().parse().unwrap();
        assert!(length > 0, "{path}");
    }
}

#[test]
fn a_trace_is_taken_up_and_echoed() {
    let server = pair();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let reply = server.client().ask("GET", "/v2", &[("traceparent", trace)], b"");
    assert_eq!(reply.header("traceparent"), Some(trace));
    let reply = server.client().ask("GET", "/v2", &[("traceparent", "00-bad")], b"");
    assert_eq!((reply.status, reply.header("traceparent")), (200, None));
}
