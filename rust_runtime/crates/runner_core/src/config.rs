use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Capabilities, LoadError, LoadErrorKind, OptionReader};

/// Where a model comes from.
#[derive(Clone)]
pub enum ModelSource {
    /// A file.
    Path(PathBuf),
    /// The file's content, with a name for messages.
    Bytes {
        /// Stands in messages and in [`crate::ModelInfo::model`].
        name: String,
        /// The whole file.
        bytes: Arc<[u8]>,
    },
}

impl ModelSource {
    /// The name used in messages: the file's own name, never its folder.
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => path
                .file_name()
                .map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned()),
            Self::Bytes { name, .. } => name.clone(),
        }
    }
}

impl fmt::Debug for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Bytes { name, bytes } => {
                f.debug_struct("Bytes").field("name", name).field("length", &bytes.len()).finish()
            }
        }
    }
}

/// Where a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The CUDA device of this index.
    Cuda(u32),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        device.to_string()
    }
}

impl TryFrom<String> for Device {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Device {
    type Err = String;

    /// Reads `cpu`, `cuda` (the first device) or `cuda:N`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|index| index.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| format!("unknown device {text:?}: expected cpu, cuda or cuda:N")),
        }
    }
}

/// Precision that an engine is asked to compute in, where it can choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision throughout.
    #[default]
    Fp32,
    /// Half precision where the engine has it.
    Fp16,
    /// 8-bit integers where the engine has them.
    Int8,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
        })
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "fp32" => Ok(Self::Fp32),
            "fp16" => Ok(Self::Fp16),
            "int8" => Ok(Self::Int8),
            _ => Err(format!("unknown precision {text:?}: expected fp32, fp16 or int8")),
        }
    }
}

/// More threads than this in one run are a mistake, not a wish.
const MAX_THREADS: usize = 1024;

/// Options of one engine, as text; the engine reads them by [`RunnerConfig::read_options`].
pub type Options = BTreeMap<String, String>;

/// Everything that loading a model needs.
#[derive(Debug, Clone)]
pub struct RunnerConfig {
    /// The model.
    pub source: ModelSource,
    /// Lengths for the axes of inputs, by input name. An entry must fit the model; it turns
    /// symbolic axes into fixed ones.
    pub input_shapes: BTreeMap<String, Vec<usize>>,
    /// Where to run. A device that cannot be had is an error, never a fall-back.
    pub device: Device,
    /// Threads for one run; `None` leaves the choice to the engine.
    pub threads: Option<usize>,
    /// Precision asked for.
    pub precision: Precision,
    /// The engine's own graph optimisation; off runs the graph as it was loaded.
    pub optimize: bool,
    /// Options of the engine by name; unknown ones are refused.
    pub options: Options,
}

impl RunnerConfig {
    /// The defaults for a model: CPU, the engine's choice of threads, FP32, optimised.
    pub fn new(source: ModelSource) -> Self {
        Self {
            source,
            input_shapes: BTreeMap::new(),
            device: Device::Cpu,
            threads: None,
            precision: Precision::Fp32,
            optimize: true,
            options: Options::new(),
        }
    }

    /// [`Self::new`] for a file.
    pub fn from_path(path: impl Into<PathBuf>) -> Self {
        Self::new(ModelSource::Path(path.into()))
    }

    /// [`Self::new`] for a file's content.
    pub fn from_bytes(name: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::new(ModelSource::Bytes { name: name.into(), bytes: bytes.into() })
    }

    /// The file's content, read from disk when the source is a path.
    ///
    /// # Errors
    /// [`LoadErrorKind::NotFound`] when there is no such file, [`LoadErrorKind::Unreadable`] when
    /// it cannot be read or is no plain file.
    pub fn bytes(&self) -> Result<Arc<[u8]>, LoadError> {
        match &self.source {
            ModelSource::Bytes { bytes, .. } => Ok(Arc::clone(bytes)),
            ModelSource::Path(_) => self.content(false).map(|content| content.into_vec().into()),
        }
    }

    /// Refuses what the engine cannot do: its loader's first step.
    ///
    /// # Errors
    /// [`LoadErrorKind::DeviceUnavailable`] for a device that is not there,
    /// [`LoadErrorKind::InvalidOption`] for a precision that the engine has not, or a senseless
    /// number of threads.
    pub fn expect(&self, engine: &str, can: &Capabilities) -> Result<(), LoadError> {
        let error = |kind, message| Err(LoadError::new(kind, &self.source.name(), message));
        if !can.devices.contains(&self.device) {
            let devices = listed(&can.devices);
            let message = format!("{engine} runs on {devices} here, not on {}", self.device);
            return error(LoadErrorKind::DeviceUnavailable, message);
        }
        if !can.precisions.contains(&self.precision) {
            let message =
                format!("{engine} has no {}: use {}", self.precision, listed(&can.precisions));
            return error(LoadErrorKind::InvalidOption, message);
        }
        match self.threads {
            None | Some(1..=MAX_THREADS) => Ok(()),
            Some(threads) => {
                let message = format!("threads cannot be {threads}: expected 1 to {MAX_THREADS}");
                error(LoadErrorKind::InvalidOption, message)
            }
        }
    }

    /// Starts reading [`Self::options`]; unread options are refused by [`OptionReader::finish`].
    pub fn read_options(&self) -> OptionReader<'_> {
        OptionReader::new(self)
    }
}

fn listed(items: &[impl fmt::Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_and_written_alike() {
        for (text, device) in [("cpu", Device::Cpu), ("cuda:3", Device::Cuda(3))] {
            assert_eq!(text.parse::<Device>().unwrap(), device);
            assert_eq!(device.to_string(), text);
        }
        assert_eq!("cuda".parse::<Device>().unwrap(), Device::Cuda(0));
        assert!("gpu".parse::<Device>().is_err() && "cuda:x".parse::<Device>().is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_not_read() {
        let error = RunnerConfig::from_path("/dev/zero").bytes().unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Unreadable);
        assert!(error.to_string().contains("no file"), "{error}");
    }

    #[test]
    fn a_missing_file_is_told_from_an_unreadable_one() {
        let missing = RunnerConfig::from_path("no/such/model.onnx").bytes().unwrap_err();
        assert_eq!(missing.kind(), LoadErrorKind::NotFound);
        assert_eq!(missing.model(), "model.onnx");
        let folder = RunnerConfig::from_path(std::env::temp_dir()).bytes().unwrap_err();
        assert_eq!(folder.kind(), LoadErrorKind::Unreadable);
    }
}
