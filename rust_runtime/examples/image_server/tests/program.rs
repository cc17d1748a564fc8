//! Proves the program: what it prints, how it ends, and what its exit codes mean.

#![cfg(unix)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/models").join(name)
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_image_server"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

struct Program {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    fn end(&mut self) -> Option<i32> {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "it does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(address: &str, path: &str) -> String {
    let place = address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(place).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn it_tells_what_it_serves_and_ends_with_zero_on_sigterm() {
    let path = model("pair.onnx");
    let arguments = [
        path.to_str().unwrap(),
        "--runner",
        "rten",
        "--port",
        "0",
        "--json",
        "--set",
        "limits.drain.delay=0.1 s",
    ];
    let mut program = Program::start(&arguments);
    let told: Value = serde_json::from_str(&program.line()).unwrap();
    let address = told["address"].as_str().unwrap();
    assert_eq!(told["models"][0]["name"], "pair");
    assert!(get(address, "/v2/health/ready").starts_with("HTTP/1.1 200"));
    program.signal("-TERM");
    assert_eq!(program.end(), Some(0));
    let mut log = String::new();
    program.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("ready") && log.contains("everything that was accepted"), "{log}");
    assert!(!log.contains("actix") && !log.contains("panicked"), "{log}");
}

#[test]
fn people_are_told_in_words_and_a_second_signal_ends_it_at_once() {
    let path = model("pair.onnx");
    let arguments = [
        path.to_str().unwrap(),
        "--runner",
        "rten",
        "--port",
        "0",
        "--threads",
        "1",
        "--engines",
        "1",
        "--set",
        "limits.drain.delay=60 s",
    ];
    let mut program = Program::start(&arguments);
    let model = program.line();
    assert!(
        model.starts_with("pair version 1: rten 0.27") && model.ends_with("batching on"),
        "{model}"
    );
    let address = program.line().strip_prefix("serving at ").unwrap().to_owned();
    program.signal("-INT");
    thread::sleep(Duration::from_millis(300));
    assert!(get(&address, "/v2/health/ready").starts_with("HTTP/1.1 503"));
    program.signal("-INT");
    assert_eq!(program.end(), Some(130));
}

#[test]
fn settings_come_from_a_file_the_environment_and_flags() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(model("pair.onnx"), folder.path().join("pair.onnx")).unwrap();
    let file = folder.path().join("server.yml");
    let settings = "port: 1\nlog: {format: json}\nmodels:\n  - {path: pair.onnx, name: fromfile}\n";
    fs::write(&file, settings).unwrap();
    let mut command = command(&["--config", file.to_str().unwrap(), "--json", "--port", "0"]);
    let mut child = command.env("OXIDIZEDVISION_SERVER_RUNNER", "rten").spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut program = Program { child, out };
    let told: Value = serde_json::from_str(&program.line()).unwrap();
    assert_eq!(told["models"][0]["name"], "fromfile");
    get(told["address"].as_str().unwrap(), "/v2");
    program.signal("-TERM");
    assert_eq!(program.end(), Some(0));
    let mut log = String::new();
    program.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let request = lines.iter().find(|line| line["target"] == "request").unwrap();
    assert_eq!((&request["path"], &request["status"]), (&"/v2".into(), &200.into()), "{log}");
}

fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command(arguments).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(stdout.is_empty(), "{arguments:?}");
    let mut told = stderr.lines().filter(|line| !line.contains(" ERROR ")).map(str::to_owned);
    let (error, hint) = (told.next().unwrap(), told.next().unwrap());
    assert!(error.starts_with("error: ") && hint.starts_with("hint: "), "{stderr}");
    assert_eq!(told.next(), None, "{stderr}");
    (status.code(), format!("{error}\n{hint}"))
}

#[test]
fn what_goes_wrong_is_one_error_one_hint_and_the_right_code() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("server.yml");
    fs::write(&bad, "host: 127.0.0.1\nprot: 1\n").unwrap();
    let (pair, bad) = (model("pair.onnx"), bad.to_str().unwrap());
    let pair = pair.to_str().unwrap();
    let cases: [(&[&str], i32, &str); 9] = [
        (&["--runner", "rten"], 2, "no model"),
        (&[pair], 2, "auto"),
        (&[pair, "--runner", "none", "--port", "0"], 4, "rten"),
        (&[pair, "--runner", "auto"], 2, "oxv.json"),
        (&["/nowhere/m.onnx", "--runner", "rten", "--port", "0"], 2, "(/nowhere/m.onnx)"),
        (&[pair, "--port", "many"], 2, "--port"),
        (&["--config", bad], 2, "port"),
        (&["--config", "/nowhere/server.yml"], 2, "server.yml"),
        (&[pair, "--runner", "rten", "--set", "limits.queue.reqests=1"], 2, "reqests"),
    ];
    for (arguments, code, says) in cases {
        let (status, told) = refused(arguments);
        assert_eq!(status, Some(code), "{arguments:?}: {told}");
        assert!(told.contains(says), "{arguments:?}: {told}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for (flag, says) in [("--help", "Serves models over HTTP"), ("--version", "image_server")] {
        let output = command(&[flag]).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8_lossy(&output.stdout).starts_with(says), "{flag}");
    }
}
