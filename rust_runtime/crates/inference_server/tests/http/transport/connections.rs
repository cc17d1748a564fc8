//! Connections: how many, and what may come on one.

use std::{thread, time::Duration};

use serde_json::json;

use super::{PREDICT, body, sent, server};
use crate::{
    client::{Client, request},
    models::plain,
    server::{INFER, Server, rows as rows_of, rten},
};

#[test]
fn connections_beyond_the_cap_wait_for_their_turn() {
    let limits = json!({"connections": {"count": 4}});
    let model = rten(&plain("pair.onnx"));
    let server = Server::start(json!({"workers": 1, "models": [model], "limits": limits}));
    let mut held: Vec<Client> = (0..4).map(|_| server.client()).collect();
    for client in &mut held {
        assert_eq!(client.ask("GET", "/v2", &[], b"").status, 200);
    }
    let address = server.address;
    let waiting = thread::spawn(move || Client::new(address).ask("GET", "/v2", &[], b"").status);
    thread::sleep(Duration::from_millis(300));
    assert!(!waiting.is_finished());
    held.pop().unwrap().leave();
    assert_eq!(waiting.join().unwrap(), 200);
}

#[test]
fn a_connection_is_used_again_after_any_answer() {
    let server = server(&json!({}));
    let mut client = server.client();
    for _ in 0..3 {
        assert_eq!(client.ask("POST", "/predict", &[], body().as_bytes()).status, 200);
        client.ask("POST", "/nowhere", &[], b"some body").is_error(404, "not_found");
        client.ask("POST", "/v2/health/live", &[], b"{}").is_error(405, "method_not_allowed");
        client.ask("POST", "/predict", &[], b"{").is_error(400, "bad_input");
    }
}

#[test]
fn requests_that_come_together_are_answered_in_their_order() {
    let server = server(&json!({}));
    let mut client = server.client();
    let first = request("POST", "/predict", &[], body().as_bytes());
    let both = [first.clone(), request("GET", "/v2/models/pair", &[], b""), first].concat();
    client.send(&both);
    assert!(client.reply().unwrap().json()["outputs"].is_object());
    assert_eq!(client.reply().unwrap().json()["name"], "pair");
    assert!(client.reply().unwrap().json()["outputs"].is_object());
}

#[test]
fn a_client_that_expects_to_be_asked_on_is() {
    let server = server(&json!({}));
    let head = format!("{PREDICT}Expect: 100-continue\r\nContent-Length: {}\r\n", body().len());
    let mut client = sent(&server, &head, b"");
    assert_eq!(client.reply().unwrap().status, 100);
    client.send(body().as_bytes());
    assert_eq!(client.reply().unwrap().status, 200);
}

#[test]
fn the_old_protocol_is_spoken_too() {
    let server = server(&json!({}));
    let mut client = server.client();
    client.send(b"GET /v2/health/live HTTP/1.0\r\n\r\n");
    assert_eq!(client.reply().unwrap().json(), json!({"live": true}));
    assert!(client.is_closed());
}

#[test]
fn bodies_together_have_a_bound() {
    let limits = json!({"connections": {"bodies": "1 MiB"}});
    let server = Server::gated(json!({ "limits": limits }));
    let head = format!("POST {INFER} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n");
    let mut first = sent(&server, &head, &vec![b' '; 900_000]);
    thread::sleep(Duration::from_millis(200));
    let mut second = sent(&server, &head, &vec![b' '; 900_000]);
    let reply = second.reply().unwrap();
    reply.is_error(503, "unavailable");
    assert_eq!(reply.header("retry-after"), Some("1"));
    first.send(&vec![b' '; 100_000]);
    first.reply().unwrap().is_error(400, "bad_input");
    assert_eq!(server.post(INFER, &rows_of(&[1.0])).status, 200);
}
