//! A benchmark session with the executable, as a harness that times several programs in turns.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

/// The executable, told to time a model with an engine.
fn command(model: &Path, engine: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_denoiser_cli"));
    command.arg("--model").arg(model).args(["--engine", engine, "--benchmark-session"]);
    command.args(arguments);
    command
}

/// A session that is asked one line after another.
struct Session {
    process: Child,
    lines: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Session {
    fn start(model: &Path, engine: &str, arguments: &[&str]) -> Self {
        let mut command = command(model, engine, arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, lines, answers }
    }

    /// The next line; it comes before anything more is asked.
    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn ask(&mut self, line: impl AsRef<[u8]>) -> Value {
        self.lines.write_all(line.as_ref()).unwrap();
        self.lines.write_all(b"\n").unwrap();
        self.answer()
    }

    /// Ends the input; gives the exit code and what was still written.
    fn end(self) -> (Option<i32>, String) {
        let Self { process, lines, mut answers } = self;
        drop(lines);
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut answers, &mut rest).unwrap();
        let output = process.wait_with_output().unwrap();
        (output.status.code(), rest + &String::from_utf8_lossy(&output.stderr))
    }
}

fn times(answer: &Value) -> Vec<f64> {
    let times = answer["latency_ms"].as_array().unwrap_or_else(|| panic!("{answer}"));
    times.iter().map(|time| time.as_f64().unwrap()).collect()
}

#[test]
fn every_line_is_answered_with_its_own_runs() {
    for engine in ["tract", "rten"] {
        let arguments = ["--shape", "1,3,16,16", "--threads", "1", "--warmup", "2"];
        let mut session = Session::start(&model("denoiser.onnx"), engine, &arguments);
        let greeting = session.answer();
        assert_eq!((&greeting["backend"], &greeting["threads"]), (&engine.into(), &1.into()));
        assert!(greeting["backend_version"].is_string() && greeting["start_ms"].is_null());
        for key in ["load_ms", "first_ms"] {
            assert!(greeting[key].as_f64().unwrap() > 0.0, "{key}");
        }
        for runs in [1, 5] {
            let answer = session.ask(json!({"runs": runs}).to_string());
            assert_eq!(times(&answer).len(), runs);
            assert!(times(&answer).iter().all(|time| *time > 0.0));
            #[cfg(target_os = "linux")]
            for told in [&greeting, &answer] {
                assert!(told["peak_rss_mib"].as_f64().unwrap() > 1.0);
            }
        }
        assert_eq!(session.end(), (Some(0), String::new()));
    }
}

#[test]
fn a_time_is_filled_with_runs_and_holds_the_least_at_any_rate() {
    let mut session = Session::start(&model("fixed.onnx"), "rten", &[]);
    session.answer();
    assert_eq!(times(&session.ask(r#"{"seconds": 0, "least": 4}"#)).len(), 4);
    let filled = times(&session.ask(r#"{"seconds": 0.3, "least": 1}"#));
    let longest = filled.iter().copied().fold(0.0, f64::max);
    assert!(filled.len() > 1 && filled.iter().sum::<f64>() <= 300.0 + longest, "{filled:?}");
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn a_malformed_line_is_told_and_the_session_goes_on() {
    let mut session = Session::start(&model("fixed.onnx"), "rten", &[]);
    session.answer();
    for line in [&b"runs"[..], b"", b"{\"runs\": 0}", b"\xff\xfe", b"{\"runs\": 1, \"warmup\": 2}"]
    {
        let error = &session.ask(line)["error"];
        assert_eq!(error["kind"], "usage", "{error}");
        for key in ["message", "hint"] {
            assert!(error[key].as_str().unwrap().len() > 10, "{error}");
        }
        assert_eq!(times(&session.ask(r#"{"runs": 2}"#)).len(), 2);
    }
    assert_eq!(session.end(), (Some(0), String::new()));
}

#[test]
fn the_end_of_input_ends_it_after_the_last_line() {
    let mut session = Session::start(&model("fixed.onnx"), "tract", &[]);
    session.answer();
    session.lines.write_all(br#"{"runs": 3}"#).unwrap();
    let (code, rest) = session.end();
    assert_eq!(code, Some(0));
    assert_eq!(times(&serde_json::from_str(&rest).unwrap()).len(), 3);
}

#[test]
fn what_cannot_start_says_so_on_both_sides() {
    for (name, kind, says) in
        [("none.onnx", "not_found", "none.onnx"), ("denoiser.onnx", "input", "--shape")]
    {
        let output = command(&model(name), "rten", &[]).stdin(Stdio::null()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(says), "{stderr}");
        let line: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(line["error"]["kind"], kind);
        assert!(stderr.contains(line["error"]["message"].as_str().unwrap()), "{line}");
    }
}

#[test]
fn a_session_is_nothing_else_besides() {
    for arguments in [&["--benchmark", "3"][..], &["--info"], &["a.npy", "b.npy"]] {
        let output = command(&model("fixed.onnx"), "rten", arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("--benchmark-session") && output.stdout.is_empty(), "{stderr}");
    }
}
