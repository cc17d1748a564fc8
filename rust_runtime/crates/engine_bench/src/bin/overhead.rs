//! `overhead`: what the contract costs over the bare engine, for one engine, as JSON.
//!
//! `benchmarks/overhead/run.py` builds it, exports the models and calls it for every engine.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use engine_bench::overhead::{
    report::{Job, Report},
    subject::Layer,
    worker,
};

const BROKEN_BOUND: u8 = 3;
const BAD_INPUT: u8 = 2;

#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    #[command(flatten)]
    measure: Option<Measure>,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Args)]
struct Measure {
    /// The engine to measure
    #[arg(long)]
    engine: String,
    /// The model of ordinary size, whose ratios count
    #[arg(long)]
    model: PathBuf,
    /// The tiny model, whose microseconds count
    #[arg(long)]
    tiny: PathBuf,
    /// Print the whole report as JSON
    #[arg(long)]
    json: bool,
    /// The most seconds for one comparison
    #[arg(long, default_value_t = 25.0)]
    seconds: f64,
    /// The Python interpreter whose calls are measured too
    #[arg(long, requires = "python_worker")]
    python: Option<PathBuf>,
    /// The script that it runs
    #[arg(long, requires = "python")]
    python_worker: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Role {
    /// Answer requests on standard input, as the measuring process does
    Worker {
        #[arg(long)]
        engine: String,
        /// bare or rust
        #[arg(long, value_parser = layer)]
        layer: Layer,
    },
}

fn layer(text: &str) -> Result<Layer, String> {
    let known = [Layer::Bare, Layer::Ours];
    let found = known.into_iter().find(|layer| layer.name() == text);
    found.ok_or_else(|| "expected bare or rust".to_owned())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match (arguments.role, arguments.measure) {
        (Some(Role::Worker { engine, layer }), _) => {
            worker::serve(&engine, layer, io::stdin().lock(), io::stdout())
                .map(|()| ExitCode::SUCCESS)
                .map_err(|error| format!("the worker's lines: {error}"))
        }
        (None, Some(measure)) => run(measure),
        (None, None) => Err("nothing to measure; see overhead --help".to_owned()),
    };
    done.unwrap_or_else(|message| {
        eprintln!("error: {message}");
        ExitCode::from(BAD_INPUT)
    })
}

fn run(measure: Measure) -> Result<ExitCode, String> {
    if !(measure.seconds > 0.0 && measure.seconds <= 3600.0) {
        return Err(format!("--seconds cannot be {}: expected 0 to 3600", measure.seconds));
    }
    let job = Job {
        engine: measure.engine,
        model: measure.model,
        tiny: measure.tiny,
        seconds: measure.seconds,
        program: std::env::current_exe().map_err(|error| format!("this program: {error}"))?,
        python: measure.python.zip(measure.python_worker),
    };
    let report = job.report()?;
    let written = if measure.json { json(&report) } else { table(&report) };
    written.map_err(|error| format!("the report is not written: {error}"))?;
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::from(BROKEN_BOUND) })
}

fn json(report: &Report) -> io::Result<()> {
    let text = serde_json::to_string_pretty(report)?;
    writeln!(io::stdout(), "{text}")
}

fn table(report: &Report) -> io::Result<()> {
    let mut out = io::stdout();
    for row in &report.speed {
        let interval = row.comparison.interval;
        writeln!(
            out,
            "{} {:11} {:20} {:.3} to {:.3}, bound {}: {}",
            report.engine,
            row.sides,
            row.model,
            interval.low,
            interval.high,
            row.bound,
            verdict(row.passed)
        )?;
    }
    for row in &report.memory {
        writeln!(
            out,
            "{} {:11} {:20} {:?} {}: {:.1} to {:.1} MiB: {}",
            report.engine,
            row.layer,
            row.model,
            row.habit,
            row.count,
            row.start_mib,
            row.end_mib,
            verdict(row.passed)
        )?;
    }
    Ok(())
}

fn verdict(passed: bool) -> &'static str {
    if passed { "holds" } else { "broken" }
}
