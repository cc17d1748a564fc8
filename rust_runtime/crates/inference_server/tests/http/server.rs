//! A real server in this process.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::Path,
    sync::{Arc, mpsc::channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use inference_server::{ServerSettings, StartError, Started, Stop, serve};
use serde_json::{Value, json};

use crate::{
    client::{Client, Reply},
    engines::{Gate, load},
    models,
};

/// A server that listens; dropping it ends it at once.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) started: Started,
    pub(crate) gate: Arc<Gate>,
    pub(crate) stop: Stop,
    thread: Option<JoinHandle<Result<(), StartError>>>,
}

impl Server {
    /// Starts with settings besides the port, which is free, and a short end.
    pub(crate) fn start(settings: Value) -> Self {
        Self::try_start(settings).unwrap()
    }

    pub(crate) fn try_start(settings: Value) -> Result<Self, StartError> {
        let mut flags = json!({
            "port": 0, "workers": 2, "log": {"level": "off"},
            "limits": {"drain": {"delay": "0 s", "deadline": "10 s"}},
        });
        merge(&mut flags, settings);
        let settings = ServerSettings::read(None, std::iter::empty(), flags)?;
        let (gate, stop) = (Arc::<Gate>::default(), Stop::new());
        let (of_load, of_serve) = (Arc::clone(&gate), stop.clone());
        let (tell, told) = channel();
        let loader = move |engine: &str, config: &_| load(&of_load, engine, config);
        let thread = thread::spawn(move || {
            serve(settings, loader, &of_serve, move |started| tell.send(started.clone()).unwrap())
        });
        match told.recv() {
            Ok(started) => {
                let place = started.address.split_once("://").unwrap().1.to_owned();
                let address = place.to_socket_addrs().unwrap().next().unwrap();
                Ok(Self { address, started, gate, stop, thread: Some(thread) })
            }
            Err(_) => Err(thread.join().unwrap().unwrap_err()),
        }
    }

    /// One model of the engine that tests hold up, served as `gated`.
    pub(crate) fn gated(mut settings: Value) -> Self {
        let model = json!({
            "path": models::plain("pair.onnx"), "name": "gated", "runner": "gated",
            "engines": 1, "threads": 1, "batch": {"size": 8},
        });
        merge(&mut settings, json!({ "models": [model] }));
        let server = Self::start(settings);
        server.gate.forget();
        server
    }

    /// One model on rten, under the name of its file.
    pub(crate) fn of(path: &Path) -> Self {
        Self::start(json!({ "models": [rten(path)] }))
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }

    pub(crate) fn ask(&self, verb: &str, path: &str, body: &[u8]) -> Reply {
        self.client().ask(verb, path, &[], body)
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        self.ask("POST", path, body.to_string().as_bytes())
    }

    /// Proves that the server is as well as ever.
    pub(crate) fn is_well(&self) {
        let reply = self.get("/v2/health/ready");
        assert_eq!((reply.status, &reply.json()["ready"]), (200, &json!(true)), "{reply:?}");
    }

    /// Waits for its end, which is its own.
    pub(crate) fn join(mut self) -> Result<(), StartError> {
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.gate.open();
        self.stop.now();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(thread::panicking() || ended.is_ok(), "the server panicked");
        }
    }
}

/// A model's settings on rten.
pub(crate) fn rten(path: &Path) -> Value {
    json!({"path": path, "runner": "rten", "engines": 1, "threads": 1})
}

/// A request of the gated model's rows.
pub(crate) fn rows(values: &[f32]) -> Value {
    let data: Vec<f32> = values.iter().flat_map(|value| [*value; 4]).collect();
    json!({"inputs": [{
        "name": "x", "shape": [values.len(), 4], "datatype": "FP32", "data": data,
    }]})
}

pub(crate) const INFER: &str = "/v2/models/gated/infer";

pub(crate) fn wait(what: &str, done: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < until, "{what} never came");
        thread::sleep(Duration::from_millis(2));
    }
}

fn merge(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                merge(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}
