//! Full queues, deadlines, clients that leave, and engines that panic or hang.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    client::{Client, request},
    engines::{HOLD, PANIC},
    models::plain,
    server::{INFER, Server, rows, rten, wait},
};

/// A request that is under way.
fn asked(server: &Server, path: &str, body: &Value) -> Client {
    let mut client = server.client();
    client.send(&request("POST", path, &[], body.to_string().as_bytes()));
    client
}

pub(crate) fn waiting(server: &Server) -> usize {
    let text = String::from_utf8(server.get("/metrics").body).unwrap();
    let line = text.lines().find(|line| line.starts_with("oxidizedvision_queue_depth{"));
    line.and_then(|line| line.rsplit_once(' ')).map_or(0, |(_, count)| count.parse().unwrap())
}

#[test]
fn a_full_queue_refuses_at_once_in_the_dialect_of_the_path() {
    let server = Server::gated(json!({"limits": {"queue": {"requests": 1}}}));
    let running = asked(&server, INFER, &rows(&[HOLD]));
    server.gate.wait_held(1);
    let queued = asked(&server, INFER, &rows(&[1.0]));
    wait("one in the queue", || waiting(&server) == 1);
    let open = server.post(INFER, &rows(&[2.0]));
    open.is_error(503, "queue_full");
    let predict = server.post("/predict", &json!({"input": [[1, 1, 1, 1]]}));
    predict.is_error(429, "queue_full");
    assert!(predict.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    server.gate.open();
    for mut client in [running, queued] {
        assert_eq!(client.reply().unwrap().status, 200);
    }
}

#[test]
fn a_deadline_answers_while_the_engine_is_busy() {
    let server = Server::gated(json!({}));
    let mut running = asked(&server, INFER, &rows(&[HOLD]));
    server.gate.wait_held(1);
    let mut of_infer = rows(&[1.0]);
    of_infer["parameters"] = json!({"timeout": 100_000});
    let of_predict = json!({"input": [[1, 1, 1, 1]], "timeout_ms": 100});
    let start = Instant::now();
    server.post(INFER, &of_infer).is_error(504, "deadline");
    server.post("/predict", &of_predict).is_error(504, "deadline");
    server
        .post("/predict?timeout_ms=100", &json!({"input": [[1, 1, 1, 1]]}))
        .is_error(504, "deadline");
    let header = [("X-Request-Timeout-Ms", "100")];
    let body = rows(&[1.0]).to_string();
    server.client().ask("POST", INFER, &header, body.as_bytes()).is_error(504, "deadline");
    assert!(start.elapsed() >= Duration::from_millis(400));
    let wrong = [("X-Request-Timeout-Ms", "soon")];
    server.client().ask("POST", INFER, &wrong, body.as_bytes()).is_error(400, "bad_input");
    server.gate.open();
    assert_eq!(running.reply().unwrap().status, 200);
}

#[test]
fn whoever_leaves_the_queue_is_not_computed() {
    let server = Server::gated(json!({}));
    let mut running = asked(&server, INFER, &rows(&[HOLD]));
    server.gate.wait_held(1);
    let gone = asked(&server, INFER, &rows(&[1.0]));
    wait("one in the queue", || waiting(&server) == 1);
    gone.leave();
    wait("an empty queue", || waiting(&server) == 0);
    server.gate.open();
    assert_eq!(running.reply().unwrap().status, 200);
    assert_eq!(server.post(INFER, &rows(&[2.0])).status, 200);
    assert_eq!(server.gate.runs(), 2, "that of the one that left is not among them");
    let text = String::from_utf8(server.get("/metrics").body).unwrap();
    let left = r#"oxidizedvision_requests_total{model="gated",version="1",code="499"} 1"#;
    assert!(text.contains(left), "{text}");
}

#[test]
fn only_the_culprit_of_a_batch_fails() {
    let server = Server::gated(json!({}));
    let mut running = asked(&server, INFER, &rows(&[HOLD]));
    server.gate.wait_held(1);
    let values = [1.0, 2.0, 3.0, PANIC, 4.0, 6.0, 7.0, 8.0];
    let batch: Vec<_> =
        values.iter().map(|value| (*value, asked(&server, INFER, &rows(&[*value])))).collect();
    wait("eight in the queue", || waiting(&server) == 8);
    server.gate.open();
    assert_eq!(running.reply().unwrap().status, 200);
    for (value, mut client) in batch {
        let reply = client.reply().unwrap();
        #[allow(clippy::float_cmp)]
        if value == PANIC {
            reply.is_error(500, "fault");
            assert!(!reply.json()["error"].as_str().unwrap().contains("thirteen"), "{reply:?}");
        } else {
            assert_eq!(reply.json()["outputs"][0]["data"][0], json!(value), "{reply:?}");
        }
    }
    server.post(INFER, &rows(&[PANIC])).is_error(500, "fault");
    server.is_well();
}

#[test]
fn a_model_that_hangs_is_not_ready_while_others_go_on() {
    let gated = json!({
        "path": plain("pair.onnx"), "name": "gated", "runner": "gated", "engines": 1, "threads": 1,
        "batch": {"run_deadline": "300 ms"},
    });
    let server = Server::start(json!({"models": [gated, rten(&plain("pair.onnx"))]}));
    let mut body = rows(&[HOLD]);
    body["parameters"] = json!({"timeout": 200_000});
    server.post(INFER, &body).is_error(504, "deadline");
    wait("a model that is not ready", || server.get("/v2/models/gated/ready").status == 503);
    assert_eq!(server.get("/v2/health/ready").status, 503);
    assert_eq!(server.get("/v2/health/live").status, 200);
    server.post(INFER, &rows(&[1.0])).is_error(503, "unavailable");
    let other = json!({"model": "pair",
        "inputs": {"left": [[1, 2, 3, 4]], "right": [[1, 1, 1, 1]]}});
    assert_eq!(server.post("/predict", &other).status, 200);
    server.gate.open();
    wait("a model that is ready again", || server.get("/v2/models/gated/ready").status == 200);
    assert_eq!(server.post(INFER, &rows(&[1.0])).status, 200);
}
