use std::{ffi::OsString, num::NonZeroUsize, path::Path};

use runner_core::{Device, TensorSpec};

use crate::Fault;

/// The command line of every program around one model.
///
/// A file that ends in .npy is a tensor of the model's element type, a result that ends in .json
/// tells labels or boxes; anything else is a picture.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Picture (PNG, JPEG, WebP, BMP), tensor (.npy), or a folder of these
    #[arg(value_name = "INPUT", conflicts_with_all = ["input", "output"])]
    pub input_file: Option<OsString>,

    /// Picture or mask (.png, .jpg, .webp), labels or boxes (.json) or tensor (.npy) to write; for a
    /// folder of inputs a folder
    #[arg(value_name = "OUTPUT", requires = "input_file")]
    pub output_file: Option<OsString>,

    /// An input; NAME= tells which one when the model has several
    #[arg(long, value_name = "[NAME=]FILE")]
    pub input: Vec<OsString>,

    /// An output; NAME= tells which one when the model has several
    #[arg(long, value_name = "[NAME=]FILE")]
    pub output: Vec<OsString>,

    /// Threads for one run; the engine chooses when this is left out
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,

    /// Where it runs: cpu, cuda or cuda:N
    #[arg(long, default_value = "cpu")]
    pub device: Device,

    /// Longest side of a tile in pixels; 0 runs the whole picture at once
    #[arg(long, value_name = "PX")]
    pub tile: Option<usize>,

    /// Print what was done as one JSON document
    #[arg(long)]
    pub json: bool,

    /// Print the model's inputs, outputs and picture contract as JSON
    #[arg(long)]
    pub info: bool,

    /// Time this many runs of the engine and print them as JSON
    #[arg(
        long, value_name = "ITERS", group = "timing",
        conflicts_with_all = ["info", "output", "output_file"],
    )]
    pub benchmark: Option<NonZeroUsize>,

    /// Time runs as lines of JSON on standard input ask for them: {"runs": 50} or
    /// {"seconds": 2.5, "least": 10}; each is answered with one line
    #[arg(long, group = "timing", conflicts_with_all = ["info", "output", "output_file"])]
    pub benchmark_session: bool,

    /// Runs before those that are timed; 10 unless told, in a session none but the first
    #[arg(long, value_name = "N")]
    pub warmup: Option<usize>,

    /// Axes of the input that a benchmark makes up, as in 1,3,64,64
    #[arg(long, value_name = "[NAME=]DIMS", requires = "timing", conflicts_with = "input")]
    pub shape: Vec<String>,
}

impl Arguments {
    /// The inputs as given, by position or by option.
    pub(crate) fn inputs(&self) -> Vec<OsString> {
        self.input_file.iter().chain(&self.input).cloned().collect()
    }

    /// The outputs as given, by position or by option.
    pub(crate) fn outputs(&self) -> Vec<OsString> {
        self.output_file.iter().chain(&self.output).cloned().collect()
    }
}

/// Splits `NAME=VALUE` where NAME is one of `specs`; without a name, the model must have one.
/// `what` is "input" or "output", for messages.
pub(crate) fn named<'a>(
    given: &OsString,
    specs: &'a [TensorSpec],
    what: &str,
) -> Result<(&'a TensorSpec, OsString), Fault> {
    let names = || specs.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>().join(", ");
    let text = given.to_string_lossy();
    for spec in specs {
        if let Some(value) = text.strip_prefix(&spec.name).and_then(|rest| rest.strip_prefix('=')) {
            return Ok((spec, value.into()));
        }
    }
    let unknown = text.split_once('=').map(|(name, _)| name);
    match (unknown, specs) {
        (Some(name), _) if !name.contains(['/', '\\']) && !Path::new(given).exists() => {
            let kind = if what == "input" { "unknown_input" } else { "usage" };
            Err(Fault::bad(format!("the model has no {what} {name:?}; it has {}", names()))
                .of_kind(kind))
        }
        (_, [spec]) => Ok((spec, given.clone())),
        _ => Err(Fault::usage(format!(
            "the model has {} {what}s: {}; {text} does not say which it is",
            specs.len(),
            names()
        ))
        .with_hint(format!("Give each as --{what} NAME=FILE."))),
    }
}

#[cfg(test)]
mod tests {
    use runner_core::DType;

    use super::*;

    fn specs(names: &[&str]) -> Vec<TensorSpec> {
        let spec =
            |name: &&str| TensorSpec { name: (*name).into(), dtype: DType::F32, dims: vec![] };
        names.iter().map(spec).collect()
    }

    #[test]
    fn names_are_split_off() {
        let specs = specs(&["a", "/b/out=1"]);
        let name = |text: &str| {
            named(&text.into(), &specs, "input")
                .map(|(spec, value)| (spec.name.clone(), value.into_string().unwrap()))
        };
        assert_eq!(name("a=x.npy").unwrap(), ("a".into(), "x.npy".into()));
        assert_eq!(name("/b/out=1=x=y.npy").unwrap(), ("/b/out=1".into(), "x=y.npy".into()));
        for text in ["x.npy", "c=x.npy"] {
            let message = name(text).unwrap_err().to_string();
            assert!(message.contains("a, /b/out=1"), "{message}");
        }
    }

    #[test]
    fn one_tensor_needs_no_name() {
        let one = specs(&["a"]);
        let value = |text: &str| named(&text.into(), &one, "output").map(|(_, value)| value);
        assert_eq!(value("y.npy").unwrap(), "y.npy");
        assert_eq!(value("folder/k=1/y.npy").unwrap(), "folder/k=1/y.npy");
        assert!(value("b=y.npy").is_err());
    }
}
