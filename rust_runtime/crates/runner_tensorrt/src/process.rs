//! One run of another program: bounded in time and in what is kept of its answer.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fmt,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

/// Lines and bytes of a line that are kept, so that no answer fills the memory.
const LINES: usize = 40;
const ERRORS: usize = 12;
const LINE: u64 = 2000;
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// A grandchild may hold the pipes open after its parent is gone; that long they are waited for.
const GRACE: Duration = Duration::from_secs(2);

/// A program to run.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) program: &'a Path,
    pub(crate) arguments: &'a [OsString],
    /// Where it runs; relative paths of its arguments start there.
    pub(crate) folder: Option<&'a Path>,
    pub(crate) timeout: Duration,
}

/// What is kept of an answer.
#[derive(Debug, Default, Clone)]
pub(crate) struct Answer {
    first: Vec<String>,
    last: VecDeque<String>,
    errors: Vec<String>,
}

/// Why there is no good answer.
#[derive(Debug)]
pub(crate) enum Failure {
    NotStarted(PathBuf, io::Error),
    TimedOut(Duration),
    Failed(ExitStatus, Answer),
}

impl Answer {
    /// The first lines.
    pub(crate) fn text(&self) -> String {
        self.first.join("\n")
    }

    /// The lines that `trtexec` marks as errors, else the last ones.
    pub(crate) fn reasons(&self) -> String {
        if !self.errors.is_empty() {
            return self.errors.join("; ");
        }
        let last: Vec<&str> = self.last.iter().map(String::as_str).collect();
        last[last.len().saturating_sub(4)..].join("; ")
    }

    fn add(&mut self, line: &str) {
        if let Some(error) = error_of(line)
            && self.errors.len() < ERRORS
        {
            self.errors.push(error.to_owned());
        }
        if self.first.len() < LINES {
            self.first.push(line.to_owned());
        }
        if self.last.len() == LINES {
            self.last.pop_front();
        }
        if !line.trim().is_empty() {
            self.last.push_back(line.to_owned());
        }
    }
}

/// The text after `[date] [E] ` or `[date] [F] `.
fn error_of(line: &str) -> Option<&str> {
    let after = |mark| line.split_once(mark).map(|(_, text)| text.trim());
    after("[E] ").or_else(|| after("[F] ")).filter(|text| !text.is_empty())
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(program, error) => {
                write!(f, "{} cannot be started: {error}", program.display())
            }
            Self::TimedOut(after) => write!(
                f,
                "trtexec was stopped after {} s; option timeout_s allows more",
                after.as_secs_f64()
            ),
            Self::Failed(status, answer) => {
                write!(f, "trtexec failed ({status}): {}", answer.reasons())
            }
        }
    }
}

impl Job<'_> {
    /// Runs the program to its end.
    ///
    /// # Errors
    /// [`Failure`]; the program is not running any more, whatever happened.
    pub(crate) fn run(&self) -> Result<Answer, Failure> {
        let mut command = Command::new(self.program);
        command
            .args(self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Without it CUDA numbers GPUs by speed, unlike nvidia-smi.
            .env("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
        if let Some(folder) = self.folder {
            command.current_dir(folder);
        }
        let started = command.spawn();
        let not_started = |error| Failure::NotStarted(self.program.to_owned(), error);
        let mut running = Running(started.map_err(not_started)?);
        let (kept, ended) = running.listen();
        let status = running.wait(self.timeout).map_err(not_started)?;
        let _ = ended.recv_timeout(GRACE);
        let _ = ended.recv_timeout(GRACE);
        let answer = kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match status {
            None => Err(Failure::TimedOut(self.timeout)),
            Some(status) if status.success() => Ok(answer),
            Some(status) => Err(Failure::Failed(status, answer)),
        }
    }
}

/// A child that does not outlive this value.
struct Running(Child);

impl Running {
    /// Collects both streams; the receiver hears once from each when it ends.
    fn listen(&mut self) -> (Arc<Mutex<Answer>>, mpsc::Receiver<()>) {
        let kept = Arc::new(Mutex::new(Answer::default()));
        let (end, ended) = mpsc::channel();
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            self.0.stdout.take().map(|stream| Box::new(stream) as _),
            self.0.stderr.take().map(|stream| Box::new(stream) as _),
        ];
        for stream in streams.into_iter().flatten() {
            let (kept, end) = (Arc::clone(&kept), end.clone());
            thread::spawn(move || {
                collect(stream, &kept);
                let _ = end.send(());
            });
        }
        (kept, ended)
    }

    /// Waits; `None` when the time is over, and then the child is dead.
    fn wait(&mut self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        let start = Instant::now();
        let mut pause = SHORTEST_PAUSE;
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(Some(status));
            }
            if start.elapsed() >= timeout {
                self.stop();
                return Ok(None);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn stop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            self.stop();
        }
    }
}

fn collect(stream: impl Read, kept: &Mutex<Answer>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        match reader.by_ref().take(LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                kept.lock().unwrap_or_else(PoisonError::into_inner).add(text.trim_end());
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str, timeout: Duration) -> Result<Answer, Failure> {
        let arguments = ["-c".into(), OsString::from(script)];
        Job { program: Path::new("/bin/sh"), arguments: &arguments, folder: None, timeout }.run()
    }

    #[test]
    fn error_lines_come_before_other_lines_and_are_bounded() {
        let script = "echo one; echo '[11/24/2026-10:00:00] [E] [TRT] bad node' >&2; exit 3";
        let failure = shell(script, Duration::from_secs(20)).unwrap_err();
        let text = failure.to_string();
        assert!(text.contains("[TRT] bad node") && !text.contains("one"), "{text}");

        let plain = shell("echo no marks; exit 3", Duration::from_secs(20)).unwrap_err();
        assert!(plain.to_string().contains("no marks"), "{plain}");

        let endless =
            "i=0; while [ $i -lt 5000 ]; do echo '[x] [E] again'; i=$((i+1)); done; exit 1";
        let failure = shell(endless, Duration::from_mins(1)).unwrap_err();
        assert!(failure.to_string().len() < 2000, "{}", failure.to_string().len());
    }

    #[test]
    fn a_program_that_takes_too_long_is_stopped() {
        let start = Instant::now();
        let failure = shell("exec sleep 60", Duration::from_millis(200)).unwrap_err();
        assert!(
            matches!(failure, Failure::TimedOut(_)) && failure.to_string().contains("timeout_s")
        );
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_grandchild_that_holds_the_pipes_does_not_hold_us() {
        let start = Instant::now();
        let answer = shell("echo here; sleep 60 & exit 0", Duration::from_secs(20)).unwrap();
        assert_eq!(answer.text(), "here");
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_missing_program_is_told() {
        let arguments = [];
        let job = Job {
            program: Path::new("/no/such/trtexec"),
            arguments: &arguments,
            folder: None,
            timeout: Duration::from_secs(1),
        };
        assert!(job.run().unwrap_err().to_string().contains("/no/such/trtexec"));
    }
}
