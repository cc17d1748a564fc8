//! Bodies and heads of a wrong length or form.

use std::{io::Write, thread, time::Duration};

use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use super::{PREDICT, body, sent, server};
use crate::client::request;

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
fn a_long_head_is_refused() {
    let server = server(&json!({"connections": {"head": "4 KiB"}}));
    let mut client = server.client();
    let head = format!("GET /v2 HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(8 << 10));
    client.send(head.as_bytes());
    client.reply().unwrap().is_error(431, "too_large");
    assert!(client.is_closed());
    server.is_well();
}
