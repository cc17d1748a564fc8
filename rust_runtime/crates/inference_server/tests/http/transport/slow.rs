//! Clients that are slow to send, or slow to take their answer.

use std::{thread, time::Duration};

use serde_json::json;

use super::{PREDICT, body, sent, server};
use crate::{
    client::{Client, request},
    server::{INFER, Server, rows as rows_of},
};

/// A request whose answer is as large as it is, and the length of its JSON.
fn large(rows: usize) -> (String, Vec<u8>) {
    let header = json!({"parameters": {"binary_data_output": true}, "inputs": [{"name": "x",
        "shape": [rows, 4], "datatype": "FP32",
        "parameters": {"binary_data_size": rows * 16}}]})
    .to_string();
    let body = [header.as_bytes(), &vec![0; rows * 16]].concat();
    (header.len().to_string(), body)
}

#[test]
fn half_a_request_behind_a_whole_one_does_not_hold_the_connection() {
    let server = server(&json!({"connections": {"keep_alive": "200 ms"}}));
    let mut client = server.client();
    client.send(b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\nGET /v2 HT");
    assert_eq!(client.reply().unwrap().status, 200);
    assert!(client.reply().is_none());
}

#[test]
fn a_slow_head_has_a_deadline_on_every_request() {
    let server = server(&json!({"connections": {"head_deadline": "300 ms", "head": "4 KiB"}}));
    let mut slow = server.client();
    slow.send(b"GET /v2 HTTP/1.1\r\nHost");
    slow.reply().unwrap().is_error(408, "slow_request");
    assert!(slow.is_closed());

    let mut later = server.client();
    assert_eq!(later.ask("GET", "/v2", &[], b"").status, 200);
    later.send(b"G");
    later.reply().unwrap().is_error(408, "slow_request");

    assert!(server.client().is_closed(), "nothing at all was sent");
    let mut idle = server.client();
    assert_eq!(idle.ask("GET", "/v2", &[], b"").status, 200);
    thread::sleep(Duration::from_millis(600));
    assert_eq!(idle.ask("GET", "/v2", &[], b"").status, 200, "an idle connection is kept");
}

#[test]
fn a_slow_body_has_a_deadline_as_a_whole() {
    let server = server(&json!({"connections": {"body_deadline": "300 ms"}}));
    let mut client = sent(&server, &format!("{PREDICT}Content-Length: 100\r\n"), b"{");
    for _ in 0..4 {
        thread::sleep(Duration::from_millis(100));
        let _ = client.try_send(b" ");
    }
    client.reply().unwrap().is_error(408, "slow_request");
    server.is_well();
}

#[test]
fn what_is_left_of_a_refused_body_does_not_hold_the_connection() {
    let server = server(&json!({"connections": {"head_deadline": "300 ms"}}));
    let nowhere = "POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n";
    let mut client = sent(&server, nowhere, b"1\r\n \r\n");
    client.reply().unwrap().is_error(404, "not_found");
    assert!(client.is_closed());
}

#[test]
fn many_slow_clients_leave_a_healthy_one_alone() {
    let server = server(&json!({}));
    let slow: Vec<Client> = (0..500)
        .map(|index| {
            let mut client = server.client();
            let bytes = if index % 2 == 0 { "GET /v2 HT" } else { PREDICT };
            client.send(bytes.as_bytes());
            client
        })
        .collect();
    let mut healthy = server.client();
    for _ in 0..50 {
        assert_eq!(healthy.ask("POST", "/predict", &[], body().as_bytes()).status, 200);
    }
    drop(slow);
    server.is_well();
}

#[test]
fn a_client_that_takes_nothing_of_its_answer_is_cut_off() {
    let limits = json!({"connections": {"write_deadline": "300 ms"}});
    let server = Server::gated(json!({ "limits": limits }));
    let rows = 2_000_000;
    let (length, body) = large(rows);
    let headers = [("Inference-Header-Content-Length", length.as_str())];
    let mut client = server.client();
    client.send(&request("POST", INFER, &headers, &body));
    thread::sleep(Duration::from_secs(2));
    let mut taken = 0;
    while !client.is_closed() {
        taken += 1;
        assert!(taken < 10_000, "all of it came");
    }
    assert!(client.received() < rows * 16);
    assert_eq!(server.post(INFER, &rows_of(&[1.0])).status, 200);
}

#[test]
fn a_client_that_takes_its_answer_slowly_gets_all_of_it() {
    let limits = json!({"connections": {"keep_alive": "100 ms"}});
    let server = Server::gated(json!({ "limits": limits }));
    let rows = 2_000_000;
    let mut client = server.client();
    let (length, body) = large(rows);
    let headers = [("Inference-Header-Content-Length", length.as_str())];
    client.send(&request("POST", INFER, &headers, &body));
    for _ in 0..8 {
        thread::sleep(Duration::from_millis(250));
        assert!(!client.is_closed());
    }
    assert!(client.reply().unwrap().body.len() > rows * 16);
}
