use std::{
    io::{self, Write},
    iter,
    sync::{
        OnceLock,
        mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel},
    },
    thread,
    time::Duration,
};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer, filter::Targets, fmt::MakeWriter, layer::SubscriberExt, registry,
    util::SubscriberInitExt,
};

use crate::config::{LogFormat, LogLevel, LogSettings};

/// Lines that wait to be written; what comes beyond that is lost rather than waited for.
const MOST_WAITING: usize = 8192;
/// What other crates say of every connection that ends early.
const NOISY: [&str; 4] = ["actix_http", "actix_server", "actix_web", "rustls"];
/// Lines of so long are written together, that not every request wakes a thread.
const GATHERED: Duration = Duration::from_millis(50);
/// How long the end of a server waits for whoever reads its log.
const PATIENCE: Duration = Duration::from_secs(1);

static LINES: OnceLock<Lines> = OnceLock::new();

/// Starts the log on standard error, unless the process has one already.
pub(super) fn start(settings: LogSettings) {
    let level = match settings.level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let Ok(lines) = Lines::start() else { return };
    let of_end = lines.clone();
    let of_others = if level >= LevelFilter::DEBUG { level } else { LevelFilter::OFF };
    let targets = NOISY.iter().map(|target| (*target, of_others));
    let filter = Targets::new().with_default(level).with_targets(targets);
    let form = tracing_subscriber::fmt::layer().with_writer(lines).with_ansi(false);
    let form = match settings.format {
        LogFormat::Text => form.boxed(),
        LogFormat::Json => form.json().flatten_event(true).with_current_span(false).boxed(),
    };
    // Where there is one already, that one has the say.
    if registry().with(form.with_filter(filter)).try_init().is_ok() {
        let _ = LINES.set(of_end);
    }
}

/// Waits until what was logged is written.
pub(super) fn flush() {
    let Some(lines) = LINES.get() else { return };
    let (tell, told) = channel();
    if lines.waiting.send(Message::Flush(tell)).is_ok() {
        // Whoever reads the log may have stopped.
        let _ = told.recv_timeout(PATIENCE);
    }
}

/// Writes lines on a thread of its own, so that whoever reads them slowly holds nothing up.
#[derive(Debug, Clone)]
struct Lines {
    waiting: SyncSender<Message>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    Flush(Sender<()>),
}

impl Lines {
    fn start() -> io::Result<Self> {
        let (waiting, lines) = sync_channel(MOST_WAITING);
        thread::Builder::new().name("log".into()).spawn(move || write_all(&lines))?;
        Ok(Self { waiting })
    }
}

fn write_all(lines: &Receiver<Message>) {
    let mut text = Vec::new();
    while let Ok(first) = lines.recv() {
        thread::sleep(GATHERED);
        for message in iter::once(first).chain(lines.try_iter()) {
            match message {
                Message::Line(line) => text.extend(line),
                Message::Flush(tell) => {
                    write(&mut text);
                    // Whoever asked may have waited for long enough.
                    let _ = tell.send(());
                }
            }
        }
        write(&mut text);
    }
}

/// Nowhere is left to tell it when this cannot be written.
fn write(text: &mut Vec<u8>) {
    drop(io::stderr().write_all(text));
    text.clear();
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.waiting.try_send(Message::Line(line.to_vec())) {
            Ok(()) | Err(TrySendError::Full(_)) => Ok(line.len()),
            Err(TrySendError::Disconnected(_)) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
