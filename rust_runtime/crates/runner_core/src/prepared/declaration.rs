use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::{
    LoadError, LoadErrorKind, ModelInfo, TensorSpec,
    info::fits_memory,
    onnx::{AXES, Declared, OnnxModel},
};

/// What a prepared file says of itself and of the model that it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declaration {
    /// The engine that reads the file.
    pub engine: String,
    /// The engine's version; no other one reads the file.
    pub engine_version: String,
    /// What the file asks of the machine; empty where it is for every machine.
    #[serde(default)]
    pub machine: String,
    /// Inputs in the graph's order, as the unprepared model has them.
    pub inputs: Vec<TensorSpec>,
    /// Outputs in the graph's order, as the unprepared model has them.
    pub outputs: Vec<TensorSpec>,
    /// The unprepared model's metadata, `oxv.*` included.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

impl Declaration {
    /// The declaration of a model that is loaded, for any machine.
    pub fn of(info: &ModelInfo, metadata: BTreeMap<String, String>) -> Self {
        Self {
            engine: info.backend.clone(),
            engine_version: info.backend_version.clone(),
            machine: String::new(),
            inputs: info.inputs.clone(),
            outputs: info.outputs.clone(),
            metadata,
        }
    }

    /// Inputs and outputs in the form in which ONNX files declare them; no operators.
    pub fn model(&self) -> OnnxModel {
        let declared = |spec: &TensorSpec| Declared {
            name: spec.name.clone(),
            dtype: Some(spec.dtype),
            dims: Some(spec.dims.clone()),
        };
        let axes = self.metadata.get(AXES).and_then(|text| serde_json::from_str(text).ok());
        OnnxModel {
            axes: axes.unwrap_or_default(),
            inputs: self.inputs.iter().map(declared).collect(),
            outputs: self.outputs.iter().map(declared).collect(),
            ..OnnxModel::default()
        }
    }

    /// Refuses what no model declares: a name twice or none, no output, more than any memory.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.outputs.is_empty() {
            return Err("it declares no outputs".to_owned());
        }
        for specs in [&self.inputs, &self.outputs] {
            let mut names = HashSet::new();
            for TensorSpec { name, dtype, dims } in specs {
                if name.is_empty() || !names.insert(name) {
                    return Err(format!("it declares {name:?} twice, or without a name"));
                }
                if !fits_memory(*dtype, dims) {
                    return Err(format!("it declares {name:?} larger than any memory"));
                }
            }
        }
        Ok(())
    }

    /// Refuses a file that was prepared for another engine or another version of it.
    pub(super) fn expect(&self, model: &str, engine: &str, version: &str) -> Result<(), LoadError> {
        let unsupported = |message| Err(LoadError::new(LoadErrorKind::Unsupported, model, message));
        if self.engine != engine {
            return unsupported(format!("it was prepared for {}, not for {engine}", self.engine));
        }
        if self.engine_version != version {
            return unsupported(format!(
                "it was prepared by {engine} {}, this is {version}: prepare it again from the \
                 .onnx file",
                self.engine_version
            ));
        }
        Ok(())
    }
}
