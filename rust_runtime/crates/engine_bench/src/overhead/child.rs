//! A worker's other end.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::{
    calls::Side,
    clock::Times,
    protocol::{Answer, Request},
};

/// A running worker; it ends with this value.
pub struct WorkerProcess {
    name: String,
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl WorkerProcess {
    /// Starts a worker; `name` stands in messages.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(name: &str, command: &mut Command) -> Result<Self, String> {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process =
            started.map_err(|error| format!("{name}: {command:?} does not start: {error}"))?;
        let (Some(requests), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(format!("{name}: its pipes are not there"));
        };
        Ok(Self { name: name.to_owned(), process, requests, answers: BufReader::new(answers) })
    }

    /// Loads a model in place of the one before.
    ///
    /// # Errors
    /// The worker's reason.
    pub fn load(&mut self, model: &Path) -> Result<(), String> {
        self.done(&Request::Load(model.to_owned()))
    }

    /// The values of one run's output.
    ///
    /// # Errors
    /// The worker's reason.
    pub fn values(&mut self) -> Result<Vec<f32>, String> {
        match self.ask(&Request::Values)? {
            Answer::Values(values) => Ok(values),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Has something done that has no result.
    ///
    /// # Errors
    /// The worker's reason.
    pub fn done(&mut self, request: &Request) -> Result<(), String> {
        match self.ask(request)? {
            Answer::Done(true) => Ok(()),
            other => Err(self.unexpected(&other)),
        }
    }

    /// The bytes that the worker holds, free memory given back.
    ///
    /// # Errors
    /// The worker's reason.
    pub fn resident(&mut self) -> Result<u64, String> {
        match self.ask(&Request::Resident)? {
            Answer::Bytes(bytes) => Ok(bytes),
            other => Err(self.unexpected(&other)),
        }
    }

    fn ask(&mut self, request: &Request) -> Result<Answer, String> {
        let mut line = String::new();
        let asked = writeln!(self.requests, "{request}")
            .and_then(|()| self.requests.flush())
            .and_then(|()| self.answers.read_line(&mut line));
        match asked {
            Ok(length) if length > 0 => {}
            _ => return Err(format!("{}: the process ended at {request}", self.name)),
        }
        match serde_json::from_str(&line) {
            Ok(Answer::Error(reason)) => Err(format!("{}: {request}: {reason}", self.name)),
            Ok(answer) => Ok(answer),
            Err(error) => Err(format!("{}: {request}: no answer: {error}", self.name)),
        }
    }

    fn unexpected(&self, answer: &Answer) -> String {
        format!("{}: an answer to something else: {answer:?}", self.name)
    }
}

impl Side for WorkerProcess {
    fn time(&mut self, count: usize) -> Result<Times, String> {
        match self.ask(&Request::Time(count))? {
            Answer::Times(times) => Ok(times),
            other => Err(self.unexpected(&other)),
        }
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to end or to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let started = WorkerProcess::start("rust rten", &mut Command::new("no/such/program"));
        let error = started.err().unwrap();
        assert!(error.contains("rust rten") && error.contains("no/such/program"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn a_worker_that_dies_or_babbles_is_an_error() {
        let mut dead = WorkerProcess::start("rust rten", &mut Command::new("true")).unwrap();
        assert!(dead.values().unwrap_err().contains("the process ended at values"));
        let mut babbling = WorkerProcess::start("python rten", &mut Command::new("cat")).unwrap();
        assert!(babbling.time(3).unwrap_err().contains("no answer"));
    }

    #[test]
    #[cfg(unix)]
    fn an_error_of_the_worker_is_passed_on() {
        let mut command = Command::new("sh");
        command.args(["-c", r#"read line; echo '{"error":"no such model"}'"#]);
        let mut worker = WorkerProcess::start("rust rten", &mut command).unwrap();
        let error = worker.load(Path::new("m.onnx")).unwrap_err();
        assert_eq!(error, "rust rten: load m.onnx: no such model");
    }
}
