//! From a model to an engine.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use runner_core::{LoadError, LoadErrorKind, Precision};

use crate::{
    cache::{self, ENGINE, Entry, Origin},
    flags::{self, CommandLine},
    process::{Failure, Job},
    settings::Settings,
    shapes::{Profile, flag_value},
    tools::Ready,
};

/// Beside the engine while it is built.
const SOURCE: &str = "source";
const CALIBRATION: &str = "calibration.cache";
/// A new number makes every engine of before a stranger.
const KEY_FORMAT: &str = "1";

/// A file that goes into an engine, as it was when the model was checked.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Its place in the folder of the build.
    pub(crate) place: PathBuf,
    /// Where it is now.
    pub(crate) file: PathBuf,
    /// SHA-256.
    pub(crate) digest: String,
}

/// What the model's file says of the precisions in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// An input or an output is f16.
    pub(crate) half: bool,
    /// There are `QuantizeLinear` or `DequantizeLinear` nodes.
    pub(crate) quantised: bool,
}

/// Everything that an engine is made from, but for shapes.
#[derive(Debug)]
pub(crate) struct Blueprint {
    /// The model's name, for messages.
    pub(crate) model: String,
    pub(crate) ready: Ready,
    /// Index of the GPU.
    pub(crate) gpu: u32,
    pub(crate) settings: Settings,
    pub(crate) facts: Facts,
    /// The model first.
    pub(crate) parts: Vec<Part>,
}

/// The name of the model's copy: none of the files that it names itself.
pub(crate) fn place_of_model(others: &[&str]) -> PathBuf {
    let mut name = "model.onnx".to_owned();
    let same = |name: &str, other: &str| Path::new(other).file_name() == Some(name.as_ref());
    while others.iter().any(|other| same(&name, other)) {
        name.insert(0, '_');
    }
    Path::new(SOURCE).join(name)
}

pub(crate) fn place_of_data(location: &str) -> PathBuf {
    Path::new(SOURCE).join(location)
}

impl Blueprint {
    /// The engine for a profile, from the cache or built now.
    pub(crate) fn engine(&self, profile: &Profile) -> Result<PathBuf, LoadError> {
        let mut line = self.command(profile).map_err(|reason| self.refused(reason))?;
        let entry = Entry { cache: &self.settings.cache, key: self.key(&line) };
        let origin = self.origin(&line);
        line.set("--device", self.gpu.to_string()).map_err(|reason| self.refused(reason))?;
        let build = |folder: &Path| self.build(folder, &line);
        let failed = |reason| LoadError::new(LoadErrorKind::Unreadable, &self.model, reason);
        entry.engine(self.settings.timeout, &origin, build, failed)
    }

    fn refused(&self, reason: String) -> LoadError {
        LoadError::new(LoadErrorKind::InvalidOption, &self.model, reason)
    }

    fn command(&self, profile: &Profile) -> Result<CommandLine, String> {
        let mut line = CommandLine::new(self.ready.version);
        line.set("--onnx", &self.parts[0].place)?;
        line.set("--saveEngine", ENGINE)?;
        line.switch("--skipInference")?;
        self.precision(&mut line)?;
        if !self.settings.optimize {
            line.set("--builderOptimizationLevel", "0")?;
        }
        if !profile.best.is_empty() {
            line.set("--minShapes", flag_value(&profile.least))?;
            line.set("--optShapes", flag_value(&profile.best))?;
            line.set("--maxShapes", flag_value(&profile.most))?;
        }
        Ok(line)
    }

    /// FP32 stands for the precision of the file: strongly typed where `TensorRT` has it, else the
    /// flags without which it refuses the types in the file.
    fn precision(&self, line: &mut CommandLine) -> Result<(), String> {
        let Facts { half, quantised } = self.facts;
        let has = |flag| flags::has(self.ready.version, flag);
        if !self.settings.tf32 {
            line.switch("--noTF32")?;
        }
        let (mut fp16, mut int8) = (half, quantised);
        match self.settings.precision {
            Precision::Fp32 if has("--stronglyTyped") => return line.switch("--stronglyTyped"),
            Precision::Fp32 => {}
            Precision::Fp16 => fp16 = true,
            // Without the flag the types in the file decide.
            Precision::Int8 if !has("--int8") && self.settings.calibration.is_none() => {
                return Ok(());
            }
            Precision::Int8 => int8 = true,
        }
        if fp16 {
            line.switch("--fp16")?;
        }
        if int8 {
            line.switch("--int8")?;
        }
        match self.settings.calibration {
            Some(_) => line.set("--calib", CALIBRATION),
            None => Ok(()),
        }
    }

    fn gpu_text(&self) -> String {
        let gpu = &self.ready.gpus[self.gpu as usize];
        format!("{} {}", gpu.name, gpu.uuid)
    }

    fn key(&self, line: &CommandLine) -> String {
        let version = self.ready.version.to_string();
        let flags = texts(line);
        let gpu = self.gpu_text();
        let files = self.parts.iter().flat_map(|part| {
            let place = part.place.to_str().unwrap_or_default();
            [place, part.digest.as_str()]
        });
        let fixed = [KEY_FORMAT, &version, &gpu];
        cache::key_of(fixed.into_iter().chain(files).chain(flags.iter().map(String::as_str)))
    }

    fn origin(&self, line: &CommandLine) -> Origin {
        Origin {
            model: self.model.clone(),
            tensorrt: self.ready.version.to_string(),
            gpu: self.gpu_text(),
            flags: texts(line),
        }
    }

    fn build(&self, folder: &Path, line: &CommandLine) -> Result<(), LoadError> {
        for part in &self.parts {
            self.copy(part, folder)?;
        }
        let job = Job {
            program: &self.ready.trtexec,
            arguments: line.arguments(),
            folder: Some(folder),
            timeout: self.settings.timeout,
        };
        job.run().map_err(|failure| {
            let message = format!("TensorRT builds no engine: {failure}");
            LoadError::new(kind_of(&failure), &self.model, message)
        })?;
        for part in &self.parts {
            let _ = fs::remove_file(folder.join(&part.place));
        }
        let _ = fs::remove_dir_all(folder.join(SOURCE));
        let empty = fs::metadata(folder.join(ENGINE)).map_or(true, |file| file.len() == 0);
        if empty {
            let message = "trtexec reported success and wrote no engine";
            return Err(LoadError::new(LoadErrorKind::Unsupported, &self.model, message));
        }
        Ok(())
    }

    /// What is built is what was checked: a file that changed since is refused.
    fn copy(&self, part: &Part, folder: &Path) -> Result<(), LoadError> {
        let to = folder.join(&part.place);
        let copied = || -> io::Result<String> {
            fs::create_dir_all(to.parent().unwrap_or(folder))?;
            fs::copy(&part.file, &to)?;
            cache::digest_of(&to)
        };
        let unreadable = |reason: String| {
            let message = format!("{}: {reason}", part.file.display());
            LoadError::new(LoadErrorKind::Unreadable, &self.model, message)
        };
        match copied() {
            Ok(digest) if digest == part.digest => Ok(()),
            Ok(_) => Err(unreadable("changed since the model was loaded: load it again".into())),
            Err(error) => Err(unreadable(error.to_string())),
        }
    }
}

/// The calibration cache as a part of the engine.
pub(crate) fn calibration_part(file: &Path) -> io::Result<Part> {
    Ok(Part { place: CALIBRATION.into(), file: file.to_owned(), digest: cache::digest_of(file)? })
}

fn texts(line: &CommandLine) -> Vec<String> {
    line.arguments().iter().map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// What an answer of `trtexec` says about the model, the GPU or the installation.
fn kind_of(failure: &Failure) -> LoadErrorKind {
    let Failure::Failed(_, answer) = failure else {
        return LoadErrorKind::BackendUnavailable;
    };
    let reasons = answer.reasons();
    let says = |words: &[&str]| words.iter().any(|word| reasons.contains(word));
    if says(&["Unknown option", "Could not load library", "error while loading shared libraries"]) {
        LoadErrorKind::BackendUnavailable
    } else if says(&["Cannot find device ID", "Cannot find any available devices", "Cuda failure"])
    {
        LoadErrorKind::DeviceUnavailable
    } else if says(&["INVALID_GRAPH", "MODEL_DESERIALIZE_FAILED", "Failed to parse ONNX model"]) {
        LoadErrorKind::Corrupt
    } else {
        LoadErrorKind::Unsupported
    }
}
