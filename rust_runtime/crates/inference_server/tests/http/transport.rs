//! What goes wrong on the wire ends in one clean answer or in the end of the connection, and the
//! next client finds the server as it was.

use std::{io::Write, thread, time::Duration};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::{
    client::{Client, request},
    models::plain,
    server::{INFER, Server, rows as rows_of, rten},
};

fn server(limits: &Value) -> Server {
    Server::start(json!({ "models": [rten(&plain("pair.onnx"))], "limits": limits }))
}

const PREDICT: &str = "POST /predict HTTP/1.1\r\nHost: localhost\r\n";

fn body() -> String {
    json!({"inputs": {"left": [[1, 2, 3, 4]], "right": [[1, 1, 1, 1]]}}).to_string()
}

/// Sends a head with what follows and gives the connection.
fn sent(server: &Server, head: &str, rest: &[u8]) -> Client {
    let mut client = server.client();
    client.send(format!("{head}\r\n").as_bytes());
    client.send(rest);
    client
}

#[test]
fn a_body_that_is_too_long_is_refused_before_it_is_read() {
    let server = server(&json!({"request": {"body": "1 MiB"}}));
    let mut client = sent(&server, &format!("{PREDICT}Content-Length: 1048577\r\n"), b"");
    client.reply().unwrap().is_error(413, "too_large");
    // Whoever sends it all the same is told, too.
    let huge = vec![b' '; 8 << 20];
    let mut client = server.client();
    let _ = client.try_send(&request("POST", "/predict", &[], &huge));
    client.reply().unwrap().is_error(413, "too_large");
    server.is_well();
}

#[test]
fn chunks_count_as_what_they_come_to() {
    let server = server(&json!({"request": {"body": "1 KiB"}}));
    let chunked = format!("{PREDICT}Transfer-Encoding: chunked\r\n");
    let mut client = sent(&server, &chunked, format!("400\r\n{}\r\n", " ".repeat(1024)).as_bytes());
    client.send(b"1\r\n \r\n");
    client.reply().unwrap().is_error(413, "too_large");
    server.is_well();
}

#[test]
fn a_packed_bomb_is_stopped_at_the_limit() {
    let server = server(&json!({"request": {"body": "1 MiB"}}));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&vec![b' '; 64 << 20]).unwrap();
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < 128 << 10);
    let headers = [("Content-Encoding", "gzip")];
    server.client().ask("POST", "/predict", &headers, &bomb).is_error(413, "too_large");
    server.is_well();
}

#[test]
fn very_many_very_small_chunks_are_a_body_like_any_other() {
    let server = server(&json!({}));
    let body = format!("{}{}", body(), " ".repeat(200_000));
    let chunks: Vec<u8> =
        body.bytes().flat_map(|byte| [b'1', b'\r', b'\n', byte, b'\r', b'\n']).collect();
    let mut client = sent(&server, &format!("{PREDICT}Transfer-Encoding: chunked\r\n"), &chunks);
    client.send(b"0\r\n\r\n");
    assert_eq!(client.reply().unwrap().status, 200);
}

#[test]
fn two_lengths_of_one_body_are_refused() {
    let server = server(&json!({}));
    for lengths in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: -4\r\n",
        "Content-Length: +4\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let mut client = sent(&server, &format!("{PREDICT}{lengths}"), b"0\r\n\r\n");
        client.reply().unwrap_or_else(|| panic!("{lengths}")).is_error(400, "bad_input");
        assert!(client.is_closed(), "{lengths}");
    }
    server.is_well();
}

#[test]
fn what_is_no_http_is_answered_in_json_all_the_same() {
    let server = server(&json!({}));
    for bytes in [
        "GET\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
    ] {
        let mut client = server.client();
        client.send(bytes.as_bytes());
        client.reply().unwrap_or_else(|| panic!("{bytes:?}")).is_error(400, "bad_input");
    }
    let mut client = sent(&server, &format!("{PREDICT}Transfer-Encoding: chunked\r\n"), b"zz\r\n");
    client.reply().unwrap().is_error(400, "bad_input");
    server.is_well();
}

#[test]
fn there_is_one_answer_to_a_badly_framed_body() {
    let server = server(&json!({}));
    let chunked = "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (path, status) in [("/predict", 400), ("/nowhere", 404)] {
        for pause in [0, 100] {
            let mut client = server.client();
            client.send(format!("POST {path} HTTP/1.1\r\n{chunked}1\r\n \r\n").as_bytes());
            thread::sleep(Duration::from_millis(pause));
            let _ = client.try_send(b"zz\r\n");
            assert_eq!(client.reply().unwrap().error().0, status, "{path}");
            assert!(client.reply().is_none(), "{path}: a second answer");
        }
    }
    // What follows a whole request is a request of its own.
    let mut client = server.client();
    client.send(b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n\0\r\n\r\n");
    assert_eq!(client.reply().unwrap().json(), json!({"live": true}));
    client.reply().unwrap().is_error(400, "bad_input");
    assert!(client.reply().is_none());
    server.is_well();
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
fn a_long_head_is_refused() {
    let server = server(&json!({"connections": {"head": "4 KiB"}}));
    let mut client = server.client();
    let head = format!("GET /v2 HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(8 << 10));
    client.send(head.as_bytes());
    client.reply().unwrap().is_error(431, "too_large");
    assert!(client.is_closed());
    server.is_well();
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
