//! `load_generator`: load for a server of this machine, and one JSON document of what became of it.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{ArgGroup, Args, Parser};
use load_generator::{Arrivals, ErrorKind, Load, LoadError, Pace, Plan, echo, pin_to_core, run};

const FAULT: u8 = 1;
const BAD_INPUT: u8 = 2;
const FILE_SYSTEM: u8 = 5;
const MOST_SECONDS: f64 = 3600.0;
const MOST_CONNECTIONS: usize = 10_000;
const MOST_RATE: f64 = 100_000.0;

#[derive(Parser)]
#[command(about = "Loads a server of this machine and prints what became of it as JSON")]
#[command(group(ArgGroup::new("role").required(true).args(["plan", "echo"])))]
struct Arguments {
    /// The server's port
    #[arg(long)]
    port: u16,
    /// The core that this program runs on
    #[arg(long)]
    core: Option<usize>,
    /// Serve an echo on the port in place of loading it
    #[arg(long)]
    echo: bool,
    /// The echo gives only so many bytes back
    #[arg(long, requires = "echo")]
    reply_bytes: Option<usize>,
    /// The requests: a JSON file that names the bodies beside it
    #[arg(long)]
    plan: Option<PathBuf>,
    #[command(flatten)]
    pace: PaceArguments,
    #[command(flatten)]
    time: TimeArguments,
}

#[derive(Args)]
struct PaceArguments {
    /// A closed loop on so many connections
    #[arg(long, conflicts_with_all = ["rate", "echo"])]
    connections: Option<usize>,
    /// An open loop with so many requests a second
    #[arg(long, conflicts_with = "echo")]
    rate: Option<f64>,
    /// Requests of the open loop come by chance
    #[arg(long, requires = "rate")]
    poisson: bool,
    /// The seed of that chance
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The most connections of the open loop
    #[arg(long, default_value_t = 1024)]
    most_connections: usize,
}

#[derive(Args)]
struct TimeArguments {
    /// Seconds before anything counts
    #[arg(long, default_value = "2", value_parser = seconds)]
    warmup: Duration,
    /// Seconds that count
    #[arg(long, default_value = "10", value_parser = seconds)]
    duration: Duration,
    /// Seconds of one window of throughput
    #[arg(long, default_value = "1", value_parser = seconds)]
    window: Duration,
    /// Seconds that an answer may take
    #[arg(long, default_value = "60", value_parser = seconds)]
    timeout: Duration,
    /// Seconds after which an answer is no goodput
    #[arg(long, value_parser = seconds)]
    deadline: Option<Duration>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let expected = || format!("expected seconds, 0 to {MOST_SECONDS}");
    let value: f64 = text.parse().map_err(|_| expected())?;
    if !(0.0..=MOST_SECONDS).contains(&value) {
        return Err(expected());
    }
    Duration::try_from_secs_f64(value).map_err(|_| expected())
}

fn main() -> ExitCode {
    match done(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(match error.kind() {
                ErrorKind::Usage => BAD_INPUT,
                ErrorKind::FileSystem => FILE_SYSTEM,
                ErrorKind::Fault => FAULT,
            })
        }
    }
}

fn done(arguments: &Arguments) -> Result<(), LoadError> {
    if let Some(core) = arguments.core {
        pin_to_core(core)?;
    }
    let Some(plan) = &arguments.plan else {
        return echo::serve(arguments.port, arguments.reply_bytes);
    };
    let plan = Plan::read(plan)?;
    let report = run(load(arguments)?, plan)?;
    let text = serde_json::to_string(&report)
        .map_err(|error| LoadError::new(ErrorKind::Fault, format!("the report: {error}")))?;
    writeln!(io::stdout(), "{text}")
        .map_err(|error| LoadError::new(ErrorKind::FileSystem, format!("the report: {error}")))
}

fn load(arguments: &Arguments) -> Result<Load, LoadError> {
    let time = &arguments.time;
    if time.duration.is_zero() || time.window.is_zero() {
        return Err(usage("--duration and --window cannot be 0"));
    }
    Ok(Load {
        port: arguments.port,
        pace: pace(&arguments.pace)?,
        warmup: time.warmup,
        duration: time.duration,
        window: time.window,
        timeout: time.timeout,
        deadline: time.deadline,
    })
}

fn pace(arguments: &PaceArguments) -> Result<Pace, LoadError> {
    let most_connections = arguments.most_connections;
    match (arguments.connections, arguments.rate) {
        (Some(connections @ 1..=MOST_CONNECTIONS), None) => Ok(Pace::Closed { connections }),
        (Some(_), _) => Err(usage("--connections must be 1 to 10000")),
        (None, Some(rate)) if !(rate > 0.0 && rate <= MOST_RATE) => {
            Err(usage("--rate must be above 0 and at most 100000"))
        }
        (None, Some(_)) if !(1..=MOST_CONNECTIONS).contains(&most_connections) => {
            Err(usage("--most-connections must be 1 to 10000"))
        }
        (None, Some(rate)) => {
            let seed = arguments.seed;
            let arrivals =
                if arguments.poisson { Arrivals::Poisson { seed } } else { Arrivals::Fixed };
            Ok(Pace::Open { rate, arrivals, most_connections })
        }
        (None, None) => Err(usage("say --connections for a closed loop or --rate for an open one")),
    }
}

fn usage(message: &str) -> LoadError {
    LoadError::new(ErrorKind::Usage, message)
}
