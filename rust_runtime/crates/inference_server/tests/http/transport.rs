//! What goes wrong on the wire ends in one clean answer or in the end of the connection, and the
//! next client finds the server as it was.

use serde_json::{Value, json};

use crate::{
    client::Client,
    models::plain,
    server::{Server, rten},
};

mod connections;
mod framing;
mod slow;

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
