//! One run of an engine: inputs to files, `trtexec`, files to outputs.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use runner_core::{DType, RunErrorKind, Tensor};

use crate::{
    engine::Blueprint,
    flags::CommandLine,
    process::Job,
    report,
    shapes::flag_value,
    tensor::{self, Binding},
};

const OUTPUTS: &str = "outputs.json";
/// Longest name of an output: with shape and type it still fits the name of a file.
const LONGEST_NAME: usize = 128;

/// What one run needs to know of an input.
pub(crate) struct Given<'a> {
    pub(crate) name: &'a str,
    pub(crate) tensor: &'a Tensor,
    /// Whether the file leaves axes of it open; `trtexec` is told the shapes of such inputs only.
    pub(crate) open: bool,
}

/// An output as it came.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) dims: Vec<usize>,
    binding: Binding,
    bytes: Vec<u8>,
}

/// Why a run failed, and through which input if it was one.
#[derive(Debug)]
pub(crate) struct RunFailure {
    pub(crate) reason: String,
    pub(crate) input: Option<String>,
    pub(crate) kind: RunErrorKind,
}

impl From<String> for RunFailure {
    fn from(reason: String) -> Self {
        Self { reason, input: None, kind: RunErrorKind::EngineFailed }
    }
}

impl Output {
    /// The element type that the engine gave.
    pub(crate) fn dtype(&self) -> DType {
        self.binding.dtype()
    }

    /// The tensor, as the type that the model declares.
    pub(crate) fn tensor(&self, declared: DType) -> Result<Tensor, String> {
        tensor::tensor_of(&self.bytes, self.binding, declared, &self.dims)
            .map_err(|reason| format!("output {:?} {reason}", self.name))
    }
}

/// Refuses names that the command line or the files of `trtexec` cannot carry.
pub(crate) fn check_names<'a>(
    inputs: impl Iterator<Item = &'a str>,
    outputs: impl Iterator<Item = &'a str>,
) -> Result<(), String> {
    // `,` parts a list, `'` quotes a name, `*` stands for any name (`sampleOptions.cpp`).
    let reserved = |name: &&str| name.contains([',', '\'', '*']) || name.contains(char::is_control);
    if let Some(name) = { inputs }.find(reserved) {
        return Err(format!(
            "input {name:?}: trtexec takes no name with a comma, a quote or an asterisk; rename it"
        ));
    }
    let mut files = HashMap::new();
    for name in outputs {
        if name.len() > LONGEST_NAME || name.contains(char::is_control) {
            return Err(format!("output {name:?}: trtexec cannot name a file after it; rename it"));
        }
        if let Some(other) = files.insert(safe(name), name) {
            return Err(format!(
                "outputs {other:?} and {name:?} are one file to trtexec; rename one of them"
            ));
        }
    }
    Ok(())
}

/// Runs an engine once.
pub(crate) fn run(
    blueprint: &Blueprint,
    engine: &Path,
    inputs: &[Given<'_>],
) -> Result<Vec<Output>, RunFailure> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let loads = write_inputs(blueprint, folder.path(), inputs)?;
    let line = command(blueprint, engine, inputs, &loads)?;
    let job = Job {
        program: &blueprint.ready.trtexec,
        arguments: line.arguments(),
        folder: Some(folder.path()),
        timeout: blueprint.settings.timeout,
    };
    job.run().map_err(|failure| failure.to_string())?;
    Ok(read_outputs(folder.path())?)
}

fn write_inputs(
    blueprint: &Blueprint,
    folder: &Path,
    inputs: &[Given<'_>],
) -> Result<String, RunFailure> {
    let mut loads = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let told =
            |reason| RunFailure { input: Some(input.name.to_owned()), ..RunFailure::from(reason) };
        let binding = Binding::of(input.tensor.dtype(), blueprint.ready.version.major >= 9);
        let bytes = tensor::bytes_of(input.tensor, binding)
            .map_err(|reason| RunFailure { kind: RunErrorKind::DtypeMismatch, ..told(reason) })?;
        let file = format!("input-{index}.bin");
        fs::write(folder.join(&file), bytes)
            .map_err(|error| told(format!("its file cannot be written: {error}")))?;
        loads.push(format!("{}:{file}", input.name));
    }
    Ok(loads.join(","))
}

fn command(
    blueprint: &Blueprint,
    engine: &Path,
    inputs: &[Given<'_>],
    loads: &str,
) -> Result<CommandLine, String> {
    let mut line = CommandLine::new(blueprint.ready.version);
    line.set("--loadEngine", engine)?;
    line.set("--device", blueprint.gpu.to_string())?;
    let open = inputs.iter().filter(|input| input.open);
    let shapes: Vec<_> =
        open.map(|input| (input.name.to_owned(), input.tensor.shape().to_vec())).collect();
    if !shapes.is_empty() {
        line.set("--shapes", flag_value(&shapes))?;
    }
    if !loads.is_empty() {
        line.set("--loadInputs", loads)?;
    }
    for (flag, value) in [
        ("--exportOutput", OUTPUTS),
        ("--iterations", "1"),
        ("--warmUp", "0"),
        ("--duration", "0"),
        ("--avgRuns", "1"),
    ] {
        line.set(flag, value)?;
    }
    line.switch("--dumpRawBindingsToFile")?;
    if crate::flags::has(blueprint.ready.version, "--includeDataTransfers") {
        line.switch("--includeDataTransfers")?;
    }
    Ok(line)
}

fn read_outputs(folder: &Path) -> Result<Vec<Output>, String> {
    let unreadable = |error| format!("trtexec left no readable outputs: {error}");
    let file = fs::read(folder.join(OUTPUTS)).map_err(unreadable)?;
    let names: Vec<OsString> = fs::read_dir(folder)
        .map_err(unreadable)?
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    let files: Vec<&str> = names.iter().filter_map(|name| name.to_str()).collect();
    let bytewise = |name: &str| {
        let binding = raw_file(&files, name, None).map(|(_, binding)| binding.dtype());
        binding.is_some_and(report::is_bytewise)
    };
    let outputs = report::read(&file, bytewise)
        .map_err(|reason| format!("what trtexec exported cannot be read: {reason}"))?;
    outputs
        .iter()
        .map(|reported| {
            let name = &reported.name;
            let (file, binding) = raw_file(&files, name, Some(&reported.dims))
                .ok_or_else(|| format!("trtexec left no values of output {name:?}"))?;
            let bytes = fs::read(folder.join(file)).map_err(unreadable)?;
            let output = Output { name: name.clone(), dims: reported.dims.clone(), binding, bytes };
            reported
                .agrees_with(&output.tensor(binding.dtype())?)
                .map_err(|reason| format!("the two reports of output {name:?} differ: {reason}"))?;
            Ok(output)
        })
        .collect()
}

/// The raw file of an output: `name.output.1.3.8.8.fp32.raw`, and its element type.
fn raw_file(files: &[&str], name: &str, dims: Option<&[usize]>) -> Option<(PathBuf, Binding)> {
    let prefix = format!("{}.output.", safe(name));
    files.iter().find_map(|file| {
        let stem = file.strip_prefix(&prefix)?.strip_suffix(".raw")?;
        let (lengths, label) = stem.rsplit_once('.')?;
        let binding = Binding::named(label)?;
        let written = |dims: &[usize]| dims.iter().map(ToString::to_string).collect::<Vec<_>>();
        let fits = dims.is_none_or(|dims| lengths == written(dims).join("."));
        fits.then(|| (PathBuf::from(file), binding))
    })
}

/// `genFilenameSafeString` of `sampleInference.cpp`: what is no letter or digit of ASCII and not
/// one of `._-,` becomes `_`, byte by byte.
fn safe(name: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"._-,".contains(&byte);
    name.bytes().map(|byte| if kept(byte) { char::from(byte) } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_trtexec_cannot_carry_are_refused() {
        let check = |inputs: &[&str], outputs: &[&str]| {
            check_names(inputs.iter().copied(), outputs.iter().copied())
        };
        assert!(check(&["x", "in:0", "/a/b"], &["y", "/a/b", "_a_c"]).is_ok());
        for name in ["a,b", "it's", "any*", "a\nb"] {
            assert!(check(&[name], &[]).unwrap_err().contains("rename"), "{name}");
        }
        for names in [["a/b", "a_b"], ["é", "__"], ["y", "a\nb"]] {
            assert!(check(&[], &names).unwrap_err().contains("rename"), "{names:?}");
        }
        assert!(check(&[], &[&"y".repeat(LONGEST_NAME + 1)]).is_err());
    }

    #[test]
    fn raw_files_are_found_by_name_shape_and_type() {
        let files = ["x.input.1.fp32.raw", "a_b.output.2.3.Half.raw", "s.output..Int32.raw"];
        let found = |name, dims: &[usize]| {
            raw_file(&files, name, Some(dims)).map(|(_, binding)| binding.dtype())
        };
        assert_eq!(found("a/b", &[2, 3]), Some(DType::F16));
        assert_eq!(found("s", &[]), Some(DType::I32));
        for (name, dims) in [("a/b", vec![2]), ("x", vec![1]), ("a", vec![])] {
            assert_eq!(found(name, &dims), None, "{name}");
        }
    }
}
