//! The flags of `trtexec` by version of `TensorRT`: the one place that knows them.
//!
//! Sources: `samples/common/sampleOptions.cpp` of <https://github.com/NVIDIA/TensorRT> at the tags
//! v8.6.1, v9.1.0, v9.3.0, v10.0.1, v10.16, v11.0 and v11.1, where each flag is read by a
//! `getAndDel…` call in a `parse` function. `docs/tensorrt.md` repeats the table.

use std::{
    ffi::{OsStr, OsString},
    fmt::Write,
};

use crate::Version;

/// Major and minor number of a version.
pub type Release = (u16, u16);

/// The oldest version that the table holds: it brought `--skipInference` and
/// `--dumpRawBindingsToFile`.
pub const OLDEST: Release = (8, 6);

/// The newest major version that the table holds, read at 11.1.
pub const NEWEST_MAJOR: u16 = 11;

/// One flag.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// The flag, dashes included.
    pub name: &'static str,
    /// First release from [`OLDEST`] on that has it.
    pub first: Release,
    /// Last release that has it; `None` for one that is still there.
    pub last: Option<Release>,
    /// What this runner sends it for; empty for a flag that it never sends.
    pub purpose: &'static str,
    /// What stands in its place in releases without it.
    pub instead: &'static str,
}

const fn always(name: &'static str, purpose: &'static str) -> Flag {
    Flag { name, first: OLDEST, last: None, purpose, instead: "" }
}

const fn gone(
    name: &'static str,
    last: Release,
    purpose: &'static str,
    instead: &'static str,
) -> Flag {
    Flag { name, first: OLDEST, last: Some(last), purpose, instead }
}

const fn since(
    name: &'static str,
    first: Release,
    purpose: &'static str,
    instead: &'static str,
) -> Flag {
    Flag { name, first, last: None, purpose, instead }
}

/// Last releases of the major versions after which flags went.
const LAST_8: Release = (8, 6);
const LAST_9: Release = (9, 3);
const LAST_10: Release = (10, 16);

/// Every flag that this runner sends, and those that one might expect it to send.
pub static TABLE: &[Flag] = &[
    always("--help", "asks for the version"),
    always("--onnx", "the model to build"),
    always("--saveEngine", "where the built engine goes"),
    always("--skipInference", "builds and does not run"),
    always("--loadEngine", "the engine to run"),
    always("--device", "index of the GPU"),
    always("--minShapes", "smallest shapes of the optimisation profile"),
    always("--optShapes", "shapes that the profile is tuned for"),
    always("--maxShapes", "largest shapes of the profile"),
    always("--shapes", "shapes of one run"),
    always("--loadInputs", "raw files with the inputs"),
    always("--exportOutput", "names, dimensions and printed values of the outputs, as JSON"),
    always("--dumpRawBindingsToFile", "exact values of the outputs"),
    always("--iterations", "1: a single run"),
    always("--warmUp", "0: no warm-up"),
    always("--duration", "0: no minimum time"),
    always("--avgRuns", "1: fits a single run"),
    always("--noTF32", "keeps FP32 in single precision; left out by option `tf32`"),
    always("--builderOptimizationLevel", "0 where the engine's own optimisation is off"),
    since(
        "--stronglyTyped",
        (9, 0),
        "precision as in the model's file",
        "8.6 has --fp16 and --int8 only; from 11.0 on it is the default and the flag says nothing",
    ),
    since(
        "--includeDataTransfers",
        (11, 0),
        "inputs and outputs cross in every run",
        "before 11.0 they do by default",
    ),
    gone("--fp16", LAST_10, "half precision", "a model whose file is in FP16"),
    gone("--int8", LAST_10, "8-bit integers", "QuantizeLinear and DequantizeLinear in the model"),
    gone(
        "--calib",
        LAST_10,
        "calibration cache",
        "QuantizeLinear and DequantizeLinear in the model",
    ),
    gone("--best", LAST_10, "", "--fp16 and --int8, asked for one by one"),
    gone("--explicitBatch", LAST_9, "", "nothing: batches are always explicit"),
    gone("--workspace", LAST_9, "", "--memPoolSize=workspace:MiB"),
    gone("--buildOnly", LAST_9, "", "--skipInference"),
    gone("--maxBatch", LAST_8, "", "--maxShapes"),
    gone("--batch", LAST_8, "", "--shapes"),
];

/// The releases that the table holds, as text.
pub(crate) fn range() -> String {
    format!("{}.{} to {NEWEST_MAJOR}", OLDEST.0, OLDEST.1)
}

/// Whether the table holds this version.
pub(crate) fn knows(version: Version) -> bool {
    (version.major, version.minor) >= OLDEST && version.major <= NEWEST_MAJOR
}

/// Whether this version has the flag.
pub fn has(version: Version, name: &str) -> bool {
    let release = (version.major, version.minor);
    // A minor release after the last one read keeps the flags of its major version.
    let ends = |last: Release| release.0 > last.0;
    TABLE
        .iter()
        .any(|flag| flag.name == name && release >= flag.first && !flag.last.is_some_and(ends))
}

/// The table as Markdown, for `docs/tensorrt.md`.
pub fn markdown() -> String {
    let mut text = String::from(
        "| flag | first | last | sent for | in its place |\n| --- | --- | --- | --- | --- |\n",
    );
    for flag in TABLE {
        let release = |(major, minor): Release| format!("{major}.{minor}");
        let last = flag.last.map_or_else(String::new, release);
        let purpose = if flag.purpose.is_empty() { "never sent" } else { flag.purpose };
        let first = release(flag.first);
        let _ =
            writeln!(text, "| `{}` | {first} | {last} | {purpose} | {} |", flag.name, flag.instead);
    }
    text
}

/// Arguments for one call of `trtexec`; only flags that the version has get in.
#[derive(Debug, Clone)]
pub(crate) struct CommandLine {
    version: Version,
    arguments: Vec<OsString>,
}

impl CommandLine {
    pub(crate) fn new(version: Version) -> Self {
        Self { version, arguments: Vec::new() }
    }

    /// Adds a flag without a value.
    ///
    /// # Errors
    /// What to use where this version has no such flag.
    pub(crate) fn switch(&mut self, name: &'static str) -> Result<(), String> {
        self.arguments.push(self.checked(name)?.into());
        Ok(())
    }

    /// Adds `name=value`.
    ///
    /// # Errors
    /// As [`Self::switch`].
    pub(crate) fn set(
        &mut self,
        name: &'static str,
        value: impl AsRef<OsStr>,
    ) -> Result<(), String> {
        let mut argument = OsString::from(self.checked(name)?);
        argument.push("=");
        argument.push(value);
        self.arguments.push(argument);
        Ok(())
    }

    pub(crate) fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    fn checked(&self, name: &'static str) -> Result<&'static str, String> {
        if has(self.version, name) {
            return Ok(name);
        }
        let instead = TABLE.iter().find(|flag| flag.name == name).map_or("", |flag| flag.instead);
        Err(format!("trtexec of TensorRT {} has no {name}; in its place: {instead}", self.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(major: u16, minor: u16) -> Version {
        Version { major, minor, patch: 0 }
    }

    /// What the parsers of four releases take, from the lists that the stand-in goes by.
    fn parsers() -> [(Version, Vec<&'static str>); 4] {
        let words = |text: &'static str| text.split_whitespace().collect();
        [
            (version(8, 6), words(include_str!("../examples/trtexec_stand_in/flags/8.txt"))),
            (version(9, 3), words(include_str!("../examples/trtexec_stand_in/flags/9.txt"))),
            (version(10, 3), words(include_str!("../examples/trtexec_stand_in/flags/10.txt"))),
            (version(11, 1), words(include_str!("../examples/trtexec_stand_in/flags/11.txt"))),
        ]
    }

    #[test]
    fn the_table_says_what_the_parsers_take() {
        for (version, taken) in parsers() {
            assert!(taken.len() > 100);
            for flag in TABLE {
                let there = taken.contains(&flag.name);
                assert_eq!(has(version, flag.name), there, "{} in {version}", flag.name);
            }
        }
    }

    #[test]
    fn a_flag_that_is_gone_or_to_come_does_not_get_into_a_command() {
        for (major, flag, instead) in [
            (10, "--explicitBatch", "always explicit"),
            (10, "--buildOnly", "--skipInference"),
            (11, "--fp16", "FP16"),
            (8, "--stronglyTyped", "--fp16"),
            (10, "--includeDataTransfers", "by default"),
            (10, "--noSuchFlag", ""),
        ] {
            let mut line = CommandLine::new(version(major, 6));
            let reason = line.switch(flag).unwrap_err();
            assert!(reason.contains(flag) && reason.contains(instead), "{reason}");
            assert!(line.arguments().is_empty());
        }
        assert!(
            CommandLine::new(version(10, 99)).switch("--fp16").is_ok(),
            "a later minor release"
        );
    }

    #[test]
    fn only_versions_that_were_read_are_known() {
        for (major, minor, known) in [
            (8, 5, false),
            (8, 6, true),
            (9, 0, true),
            (10, 17, true),
            (11, 1, true),
            (12, 0, false),
        ] {
            assert_eq!(knows(version(major, minor)), known, "{major}.{minor}");
        }
    }

    #[test]
    fn the_documentation_holds_this_table() {
        let docs = include_str!("../../../../docs/tensorrt.md");
        assert!(docs.contains(&markdown()), "docs/tensorrt.md wants this table:\n{}", markdown());
    }
}
