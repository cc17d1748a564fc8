//! A benchmark in turns: the caller says how many runs are next, so that several programs and
//! engines can be timed one after another, again and again.

use std::{
    io::{BufRead, stdin},
    time::{Duration, Instant},
};

use runner_core::NamedTensors;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{inputs, peak_rss_mib, start, time, times};
use crate::{Arguments, Exit, Fault, Setup, output::print, session::Session};

/// The most runs of one turn.
const MAX_RUNS: usize = 1_000_000;
/// The longest that a turn may be asked to take.
const MAX_SECONDS: f64 = 86_400.0;

/// Loads the model, runs once, warms up and says so in one line; then answers each line of standard
/// input with one line, until the input ends. Nothing else is written on standard output.
///
/// A line that is not understood, or a run that fails, is answered with the fault, and the session
/// goes on. A fault before that is its only line. Where nobody reads the answers, it ends too.
pub(crate) fn serve(setup: &Setup<'_>, arguments: &Arguments) -> Result<(), Fault> {
    let (mut session, inputs) = match greet(setup, arguments) {
        Ok(ready) => ready,
        Err(fault) => {
            print(&fault.document().to_string())?;
            return Err(fault);
        }
    };
    for line in stdin().lock().split(b'\n') {
        let line = line.map_err(|error| {
            Fault::new(Exit::FileSystem, format!("standard input cannot be read: {error}"))
        })?;
        let answer = Turn::read(&line).and_then(|turn| turn.take(&mut session, &inputs));
        if !print(&answer.unwrap_or_else(|fault| answer_of(&fault)).to_string())? {
            break;
        }
    }
    Ok(())
}

fn greet(setup: &Setup<'_>, arguments: &Arguments) -> Result<(Session, NamedTensors), Fault> {
    let mut session = Session::load(setup, arguments)?;
    let inputs = inputs(&session, arguments)?;
    let mut greeting = start(&mut session, &inputs, arguments.warmup.unwrap_or(0))?;
    // Linux tells when a process started in steps of 10 ms, longer than most starts.
    greeting["start_ms"] = Value::Null;
    greeting["peak_rss_mib"] = peak_rss_mib().into();
    print(&greeting.to_string())?;
    Ok((session, inputs))
}

fn answer_of(fault: &Fault) -> Value {
    json!({"error": fault.to_json()})
}

/// What a line asks for.
#[derive(Debug, PartialEq)]
enum Turn {
    Runs(usize),
    /// Until so much time has passed, but so many runs at least.
    Time(Duration, usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    runs: Option<usize>,
    seconds: Option<f64>,
    least: Option<usize>,
}

impl Turn {
    fn read(line: &[u8]) -> Result<Self, Fault> {
        let line: Line = serde_json::from_slice(line)
            .map_err(|error| unknown(format!("a line is not understood: {error}")))?;
        match (line.runs, line.seconds, line.least) {
            (Some(runs), None, None) => Ok(Self::Runs(checked_runs("runs", runs)?)),
            (None, Some(seconds), least) => {
                if !(0.0..=MAX_SECONDS).contains(&seconds) {
                    let message = format!("seconds are {seconds}, expected 0 to {MAX_SECONDS}");
                    return Err(unknown(message));
                }
                let least = checked_runs("least", least.unwrap_or(1))?;
                Ok(Self::Time(Duration::from_secs_f64(seconds), least))
            }
            _ => Err(unknown("a line asks for runs or for seconds, one of the two".to_owned())),
        }
    }

    fn take(self, session: &mut Session, inputs: &NamedTensors) -> Result<Value, Fault> {
        let times = match self {
            Self::Runs(runs) => times(session, inputs, runs)?,
            Self::Time(duration, least) => {
                let start = Instant::now();
                let mut times = times(session, inputs, least)?;
                while start.elapsed() < duration && times.len() < MAX_RUNS {
                    times.push(time(session, inputs)?);
                }
                times
            }
        };
        Ok(json!({"latency_ms": times, "peak_rss_mib": peak_rss_mib()}))
    }
}

fn checked_runs(key: &str, runs: usize) -> Result<usize, Fault> {
    match runs {
        1..=MAX_RUNS => Ok(runs),
        _ => Err(unknown(format!("{key} is {runs}, expected 1 to {MAX_RUNS}"))),
    }
}

fn unknown(message: String) -> Fault {
    Fault::usage(message)
        .with_hint(r#"Write {"runs": 50} or {"seconds": 2.5, "least": 10}, each on a line."#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_asks_for_runs_or_for_time() {
        let read = |line: &str| Turn::read(line.as_bytes()).unwrap();
        assert_eq!(read(r#"{"runs": 3}"#), Turn::Runs(3));
        assert_eq!(read(r#"{"seconds": 0.5}"#), Turn::Time(Duration::from_millis(500), 1));
        let both = read("{\"seconds\": 2, \"least\": 7}\r");
        assert_eq!(both, Turn::Time(Duration::from_secs(2), 7));
    }

    #[test]
    fn any_other_line_is_refused_with_what_to_write() {
        let lines = [
            "",
            "7",
            "[]",
            "{",
            "{}",
            "runs",
            "\u{fffd}",
            r#"{"runs": 0}"#,
            r#"{"runs": 1000001}"#,
            r#"{"runs": -1}"#,
            r#"{"runs": "3"}"#,
            r#"{"runs": 1, "least": 1}"#,
            r#"{"runs": 1, "seconds": 1}"#,
            r#"{"run": 1}"#,
            r#"{"least": 1}"#,
            r#"{"seconds": -1}"#,
            r#"{"seconds": 1e9}"#,
            r#"{"seconds": 1e999}"#,
            r#"{"seconds": 1, "least": 0}"#,
        ];
        for line in lines {
            let fault = Turn::read(line.as_bytes()).unwrap_err().to_json();
            assert_eq!(fault["kind"], "usage", "{line}");
            assert!(fault["hint"].as_str().unwrap().contains("runs"), "{line}");
        }
        assert!(Turn::read(b"{\"runs\": \xff}").is_err());
    }
}
