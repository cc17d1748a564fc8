//! What a worker is told and what it answers: one line each, the answer in JSON. The Python worker
//! speaks the same.

use std::{fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};

use super::clock::Times;

/// A line to a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Load this model in place of the one before.
    Load(PathBuf),
    /// Run once and give the output's values.
    Values,
    /// Run this often and say how long it took.
    Time(usize),
    /// Run this often.
    Repeat(usize),
    /// Load this model, run it once and drop it, this often.
    Cycle(usize, PathBuf),
    /// Give free memory back to the system, and say how many bytes are resident.
    Resident,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(path) => write!(f, "load {}", path.display()),
            Self::Values => f.write_str("values"),
            Self::Time(count) => write!(f, "time {count}"),
            Self::Repeat(count) => write!(f, "repeat {count}"),
            Self::Cycle(count, path) => write!(f, "cycle {count} {}", path.display()),
            Self::Resident => f.write_str("resident"),
        }
    }
}

impl FromStr for Request {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let (word, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        let count = |text: &str| {
            text.parse().map_err(|_| format!("{line:?}: {text:?} is no number of calls"))
        };
        match (word, rest) {
            ("load", path) if !path.is_empty() => Ok(Self::Load(path.into())),
            ("values", "") => Ok(Self::Values),
            ("time", text) => count(text).map(Self::Time),
            ("repeat", text) => count(text).map(Self::Repeat),
            ("cycle", rest) => match rest.split_once(' ') {
                Some((text, path)) => Ok(Self::Cycle(count(text)?, path.into())),
                None => Err(format!("{line:?}: cycle wants a number and a model")),
            },
            ("resident", "") => Ok(Self::Resident),
            _ => Err(format!("{line:?} is no request")),
        }
    }
}

/// A line from a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Done; there is nothing to tell.
    Done(bool),
    /// How long the calls took.
    Times(Times),
    /// The output, row-major.
    Values(Vec<f32>),
    /// Resident bytes.
    Bytes(u64),
    /// What failed.
    Error(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_they_are_written() {
        let requests = [
            Request::Load("a folder/m.onnx".into()),
            Request::Values,
            Request::Time(7),
            Request::Repeat(10_000),
            Request::Cycle(200, "a folder/m.onnx".into()),
            Request::Resident,
        ];
        for request in requests {
            assert_eq!(format!("{request}\n").parse::<Request>().unwrap(), request);
        }
    }

    #[test]
    fn other_lines_are_refused() {
        for line in ["", "go 5", "time", "time x", "time -1", "load", "cycle 3", "cycle x m.onnx"] {
            assert!(line.parse::<Request>().is_err(), "{line}");
        }
    }

    #[test]
    fn answers_are_one_key_and_its_value() {
        let times = Answer::Times(Times { each: vec![1, 2], processor: Some(3) });
        let text = r#"{"times":{"each":[1,2],"processor":3}}"#;
        assert_eq!(serde_json::to_string(&times).unwrap(), text);
        let answer: Answer = serde_json::from_str(r#"{"values": [0.5, 0.1]}"#).unwrap();
        assert_eq!(answer, Answer::Values(vec![0.5, 0.1]));
    }
}
