//! How servers start, what they wait for when they end, and that they encrypt.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, Stream,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use crate::{
    client::{Client, request},
    engines::HOLD,
    models::{of_pictures, plain},
    overload::waiting,
    server::{INFER, Server, rows, rten, wait},
};

#[test]
fn what_started_is_told() {
    let server = Server::of(&plain("pair.onnx"));
    assert!(server.started.address.starts_with("http://127.0.0.1:"), "{:?}", server.started);
    let model = &server.started.models[0];
    assert_eq!((model.name.as_str(), model.version.as_str()), ("pair", "1"));
    assert_eq!(
        (model.runner.as_str(), model.state, model.batching.as_str()),
        ("rten", "READY", "on")
    );
    assert_eq!((model.engines, model.threads), (1, 1));
}

#[test]
fn what_cannot_start_says_why_and_what_to_do() {
    let of = |model| Server::try_start(json!({ "models": [model] })).err().unwrap();
    let missing = of(rten(Path::new("/nowhere/m.onnx")));
    assert_eq!((missing.kind(), missing.exit_code()), ("not_found", 2), "{missing}");
    let engine = of(json!({"path": plain("pair.onnx"), "runner": "none"}));
    assert_eq!((engine.kind(), engine.exit_code()), ("backend_unavailable", 4), "{engine}");
    let unnamed = of(json!({"path": plain("pair.onnx")}));
    assert_eq!((unnamed.kind(), unnamed.exit_code()), ("usage", 2), "{unnamed}");
    let folder = of(rten(&plain("")));
    assert_eq!(folder.kind(), "usage", "{folder}");
    let nothing = Server::try_start(json!({})).err().unwrap();
    assert_eq!(nothing.kind(), "usage", "{nothing}");

    let server = Server::of(&plain("pair.onnx"));
    let port = server.address.port();
    let taken = json!({"port": port, "models": [rten(&plain("pair.onnx"))]});
    let taken = Server::try_start(taken).err().unwrap();
    assert_eq!(taken.kind(), "usage", "{taken}");
    assert!(taken.to_string().contains(&port.to_string()) && taken.hint().contains("port"));
    for error in [missing, engine, unnamed, nothing, taken] {
        assert!(error.hint().len() > 10, "{error}");
    }
}

#[test]
fn a_model_that_does_not_give_pytorchs_answers_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    copy_denoiser(folder.path());
    let goldens = folder.path().join("denoiser.golden.safetensors");
    let mut bytes = fs::read(&goldens).unwrap();
    *bytes.last_mut().unwrap() ^= 0x40;
    fs::write(&goldens, bytes).unwrap();
    let model = rten(&folder.path().join("denoiser.oxv.json"));
    let error = Server::try_start(json!({ "models": [model] })).err().unwrap();
    assert_eq!((error.kind(), error.exit_code()), ("check_failed", 3), "{error}");
}

fn copy_denoiser(folder: &Path) {
    for name in ["denoiser.onnx", "denoiser.golden.safetensors", "denoiser.oxv.json"] {
        fs::copy(of_pictures(name), folder.join(name)).unwrap();
    }
}

#[test]
fn a_folder_is_served_as_its_manifests_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let settings = json!({"runner": "rten", "folder": {"path": folder.path(), "every": "50 ms",
        "settings": {"engines": 1, "threads": 1}}});
    let server = Server::start(settings);
    server.get("/v2/models/denoiser").is_error(404, "not_found");
    let manifest = folder.path().join("denoiser.oxv.json");
    fs::copy(of_pictures("denoiser.onnx"), folder.path().join("denoiser.onnx")).unwrap();
    let goldens = "denoiser.golden.safetensors";
    fs::copy(of_pictures(goldens), folder.path().join(goldens)).unwrap();
    let half = folder.path().join("half");
    fs::copy(of_pictures("denoiser.oxv.json"), &half).unwrap();
    fs::rename(&half, &manifest).unwrap();
    wait("the model", || server.get("/v2/models/denoiser/ready").status == 200);
    fs::remove_file(&manifest).unwrap();
    wait("its end", || server.get("/v2/models/denoiser/ready").status == 503);
    server.is_well();
}

/// A client that has asked about a row of one value and waits for the answer.
fn asking(server: &Server, value: f32) -> Client {
    let mut client = server.client();
    client.send(&request("POST", INFER, &[], rows(&[value]).to_string().as_bytes()));
    client
}

/// Two clients: the engine works on the first one's request until it is let go, the other's waits.
fn held_and_queued(server: &Server) -> (Client, Client) {
    let held = asking(server, HOLD);
    server.gate.wait_held(1);
    let queued = asking(server, 1.0);
    wait("one in the queue", || waiting(server) == 1);
    (held, queued)
}

#[test]
fn what_was_accepted_is_answered_before_the_end() {
    let limits = json!({"drain": {"delay": "300 ms", "deadline": "20 s"}});
    let server = Server::gated(json!({ "limits": limits }));
    let (mut held, mut queued) = held_and_queued(&server);
    let mut idle = server.client();
    assert_eq!(idle.ask("GET", "/v2", &[], b"").status, 200);
    server.stop.drain();
    wait("not ready", || server.get("/v2/health/ready").status == 503);
    let late = server.get("/v2");
    assert_eq!((late.status, late.header("connection")), (200, Some("close")), "{late:?}");
    let mut new = asking(&server, 2.0);
    thread::sleep(Duration::from_millis(600));
    assert!(idle.is_closed(), "an idle connection does not hold the end up");
    server.gate.open();
    for client in [&mut held, &mut queued, &mut new] {
        assert_eq!(client.reply().unwrap().status, 200);
    }
    let address = server.address;
    server.join().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn no_request_is_lost_when_the_server_ends_under_load() {
    let limits = json!({"drain": {"delay": "300 ms", "deadline": "20 s"}});
    let server = Server::start(json!({"models": [rten(&plain("pair.onnx"))], "limits": limits}));
    let (address, answered) = (server.address, Arc::new(AtomicUsize::new(0)));
    let body = json!({"inputs": {"left": [[1, 2, 3, 4]], "right": [[1, 1, 1, 1]]}}).to_string();
    let load: Vec<_> = (0..8)
        .map(|_| {
            let (answered, body) = (Arc::clone(&answered), body.clone());
            thread::spawn(move || {
                while let Ok(stream) = TcpStream::connect(address) {
                    let mut client = Client::over(stream);
                    loop {
                        let asked = request("POST", "/predict", &[], body.as_bytes());
                        let sent = client.try_send(&asked).is_ok();
                        let Some(reply) = client.reply().filter(|_| sent) else { break };
                        assert_eq!(reply.status, 200, "{reply:?}");
                        answered.fetch_add(1, Ordering::SeqCst);
                        if reply.header("connection") == Some("close") {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    wait("some load", || answered.load(Ordering::SeqCst) > 200);
    server.stop.drain();
    server.join().unwrap();
    for client in load {
        client.join().unwrap();
    }
}

#[test]
fn a_server_that_is_told_twice_ends_at_once() {
    let limits = json!({"drain": {"delay": "60 s", "deadline": "60 s"}});
    let server = Server::gated(json!({ "limits": limits }));
    let mut client = server.client();
    client.send(&request("POST", INFER, &[], rows(&[HOLD]).to_string().as_bytes()));
    server.gate.wait_held(1);
    let start = Instant::now();
    server.stop.drain();
    thread::sleep(Duration::from_millis(100));
    server.stop.now();
    let gate = Arc::clone(&server.gate);
    server.join().unwrap();
    assert!(start.elapsed() < Duration::from_secs(30));
    gate.open();
}

#[test]
fn what_is_not_done_by_the_end_is_told_so() {
    for at_once in [false, true] {
        let deadline = if at_once { "60 s" } else { "300 ms" };
        let limits = json!({"drain": {"delay": "0 s", "deadline": deadline}});
        let server = Server::gated(json!({ "limits": limits }));
        let (mut held, mut queued) = held_and_queued(&server);
        server.stop.drain();
        if at_once {
            thread::sleep(Duration::from_millis(100));
            server.stop.now();
        }
        for client in [&mut held, &mut queued] {
            client.reply().expect("an answer").is_error(503, "unavailable");
        }
        server.gate.open();
        server.join().unwrap();
    }
}

fn tls(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/tls").join(name)
}

#[test]
fn connections_are_encrypted_where_there_is_a_certificate() {
    let server = Server::start(json!({
        "models": [rten(&plain("pair.onnx"))],
        "tls": {"certificate": tls("certificate.pem"), "key": tls("key.pem")},
        "limits": {"connections": {"head_deadline": "500 ms"}},
    }));
    assert!(server.started.address.starts_with("https://"), "{:?}", server.started);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(tls("certificate.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = TcpStream::connect(server.address).unwrap();
    let mut stream = Stream::new(&mut session, &mut socket);
    let close = [("Connection", "close")];
    stream.write_all(&request("GET", "/v2/health/live", &close, b"")).unwrap();
    let mut text = String::new();
    // The other side may end without a last word.
    let _ = stream.read_to_string(&mut text);
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with(r#"{"live":true}"#), "{text}");

    let mut plain = server.client();
    plain.send(b"GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n");
    while !plain.is_closed() {}
    assert!(server.client().is_closed(), "a greeting that does not come has a deadline");
}

#[test]
fn what_is_no_certificate_is_told_by_its_file() {
    let with = |certificate: &str, key: &str| {
        let tls = json!({"certificate": tls(certificate), "key": tls(key)});
        let settings = json!({"models": [rten(&plain("pair.onnx"))], "tls": tls});
        Server::try_start(settings).err().unwrap()
    };
    for (certificate, key, named) in [
        ("none.pem", "key.pem", "none.pem"),
        ("key.pem", "key.pem", "certificate"),
        ("certificate.pem", "certificate.pem", "key"),
    ] {
        let error = with(certificate, key);
        assert!(error.to_string().contains(named), "{error}");
        assert_eq!(error.kind(), "config");
    }
}
