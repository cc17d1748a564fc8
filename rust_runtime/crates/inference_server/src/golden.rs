//! Compares a server program's answers over HTTP with those that PyTorch gave.

mod client;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use vision_model::{GoldenCase, GoldenReport, Manifest, hex_sha256};

use self::client::Client;

/// Why a server is not shown to give what PyTorch gave.
type Reason = String;

/// Shows that the server program `executable`, started with `arguments`, gives what PyTorch gave:
/// `model` and `golden` are the files that `manifest` lists, the server serves that model, and its
/// answers to the recorded inputs are within the tolerance. It is ended before this returns.
///
/// # Errors
/// The reason, for people; `Ok` means that everything passed.
pub fn check(
    executable: &Path,
    arguments: &[&str],
    (model, golden, manifest): (&Path, &Path, &Path),
) -> Result<GoldenReport, Reason> {
    let read = |path: &Path| fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let model = read(model)?;
    let goldens = Manifest::proof(&read(manifest)?, &model, &read(golden)?);
    let goldens = goldens.map_err(|error| error.to_string())?;
    let server = Server::start(executable, arguments)?;
    let client = Client::new(&server.address)?;
    let metadata = client.get(&format!("/v2/models/{}", server.model))?;
    let (carried, expected) = (&metadata["parameters"]["sha256"], hex_sha256(&model));
    if carried != &json!(expected) {
        return Err(format!("the server carries the model {carried}, expected {expected}"));
    }
    let mut rows = Vec::new();
    for case in &goldens.cases {
        let made = client.infer(&server.model, case)?;
        rows.extend(GoldenCase::compare(case, &made, &goldens.tolerance));
    }
    let report = GoldenReport { tolerance: goldens.tolerance, rows };
    if report.passed() { Ok(report) } else { Err(format!("it differs from PyTorch\n{report}")) }
}

/// A server in a process of its own, which ends with this.
struct Server {
    child: Child,
    address: String,
    model: String,
}

impl Server {
    fn start(executable: &Path, arguments: &[&str]) -> Result<Self, Reason> {
        let mut command = Command::new(executable);
        command.args(["--port", "0", "--json"]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", executable.display()))?;
        let mut server = Self { child, address: String::new(), model: String::new() };
        let mut line = String::new();
        if let Some(out) = server.child.stdout.take() {
            // What cannot be read is a line that is no JSON.
            let _ = BufReader::new(out).read_line(&mut line);
        }
        let told: Value = serde_json::from_str(&line).unwrap_or_default();
        match (told["address"].as_str(), told["models"][0]["name"].as_str()) {
            (Some(address), Some(model)) => {
                address.clone_into(&mut server.address);
                model.clone_into(&mut server.model);
                Ok(server)
            }
            _ => Err(format!("{} does not serve: {}", executable.display(), server.last_words())),
        }
    }

    fn last_words(&mut self) -> String {
        let mut text = String::new();
        let _ = self.child.kill();
        if let Some(mut err) = self.child.stderr.take() {
            let _ = err.read_to_string(&mut text);
        }
        text
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
