use runner_core::{Dim, ModelInfo, TensorSpec};
use serde::Serialize;

use crate::protocol::Datatype;

/// A model as it is served, for its documents.
#[derive(Debug, Clone, Copy)]
pub struct Served<'a> {
    /// The name that it is served by.
    pub name: &'a str,
    /// The versions that are ready.
    pub versions: &'a [String],
    /// Its inputs, outputs and engine.
    pub info: &'a ModelInfo,
    /// The largest batch that requests are joined to, or why they are not joined.
    pub batching: Result<usize, &'a str>,
    /// The SHA-256 of the model's file in hexadecimal, where it is known.
    pub sha256: Option<&'a str>,
}

/// `/v2/models/{model}`.
#[derive(Debug, Serialize)]
pub struct ModelMetadata<'a> {
    name: &'a str,
    versions: &'a [String],
    platform: String,
    inputs: Vec<TensorMetadata<'a>>,
    outputs: Vec<TensorMetadata<'a>>,
    parameters: Parameters<'a>,
}

#[derive(Debug, Serialize)]
struct TensorMetadata<'a> {
    name: &'a str,
    datatype: &'static str,
    shape: Vec<i64>,
}

#[derive(Debug, Serialize)]
struct Parameters<'a> {
    backend: &'a str,
    backend_version: &'a str,
    batching: &'a str,
    max_batch_size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
}

/// `/v2/models/{model}/config`, in the layout of Triton's model configuration.
#[derive(Debug, Serialize)]
pub struct ModelConfig<'a> {
    name: &'a str,
    platform: String,
    backend: &'a str,
    max_batch_size: usize,
    input: Vec<InputConfig<'a>>,
    output: Vec<OutputConfig<'a>>,
}

#[derive(Debug, Serialize)]
struct InputConfig<'a> {
    #[serde(flatten)]
    tensor: OutputConfig<'a>,
    format: &'static str,
}

#[derive(Debug, Serialize)]
struct OutputConfig<'a> {
    name: &'a str,
    data_type: String,
    dims: Vec<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reshape: Option<Reshape>,
}

/// The axes that stand behind the batch in the model, where they are none: `dims` may not be empty.
#[derive(Debug, Serialize)]
struct Reshape {
    shape: [i64; 0],
}

impl<'a> From<Served<'a>> for ModelMetadata<'a> {
    fn from(served: Served<'a>) -> Self {
        let Served { name, versions, info, batching, sha256 } = served;
        Self {
            name,
            versions,
            platform: platform(info),
            inputs: info.inputs.iter().map(tensor_metadata).collect(),
            outputs: info.outputs.iter().map(tensor_metadata).collect(),
            parameters: Parameters {
                backend: &info.backend,
                backend_version: &info.backend_version,
                batching: batching.map_or_else(|reason| reason, |_| "on"),
                max_batch_size: batching.unwrap_or(0),
                sha256,
            },
        }
    }
}

impl<'a> From<Served<'a>> for ModelConfig<'a> {
    /// Where requests are joined, axis 0 is the batch and does not stand in `dims`.
    fn from(served: Served<'a>) -> Self {
        let Served { name, info, batching, .. } = served;
        let batched = batching.is_ok();
        let config = |spec: &'a TensorSpec| tensor_config(spec, batched);
        let input = |spec| InputConfig { tensor: config(spec), format: "FORMAT_NONE" };
        Self {
            name,
            platform: platform(info),
            backend: &info.backend,
            max_batch_size: batching.unwrap_or(0),
            input: info.inputs.iter().map(input).collect(),
            output: info.outputs.iter().map(config).collect(),
        }
    }
}

fn platform(info: &ModelInfo) -> String {
    format!("oxidizedvision_{}", info.backend)
}

fn tensor_metadata(spec: &TensorSpec) -> TensorMetadata<'_> {
    TensorMetadata {
        name: &spec.name,
        datatype: Datatype::from(spec.dtype).name(),
        shape: lengths(&spec.dims),
    }
}

fn tensor_config(spec: &TensorSpec, batched: bool) -> OutputConfig<'_> {
    let dims = lengths(spec.dims.get(usize::from(batched)..).unwrap_or_default());
    let bare = dims.is_empty();
    OutputConfig {
        name: &spec.name,
        data_type: Datatype::from(spec.dtype).config_name(),
        dims: if bare { vec![1] } else { dims },
        reshape: bare.then_some(Reshape { shape: [] }),
    }
}

/// Lengths of axes; one that may change is -1.
fn lengths(dims: &[Dim]) -> Vec<i64> {
    let length = |dim: &Dim| match dim {
        Dim::Fixed(length) => i64::try_from(*length).unwrap_or(i64::MAX),
        Dim::Symbol(_) => -1,
    };
    dims.iter().map(length).collect()
}

#[cfg(test)]
mod tests {
    use runner_core::DType;
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::{
        documents::write,
        testing::{fixed, model, spec, symbol},
    };

    fn info() -> ModelInfo {
        let dims = vec![symbol("batch"), fixed(3), symbol("h"), symbol("w")];
        let outputs = vec![
            spec("y", DType::I64, vec![symbol("batch"), fixed(10)]),
            spec("z", DType::Bool, vec![symbol("batch")]),
        ];
        model(vec![spec("x", DType::F32, dims)], outputs)
    }

    fn served<'a>(
        info: &'a ModelInfo,
        versions: &'a [String],
        batching: Result<usize, &'a str>,
    ) -> Served<'a> {
        Served { name: "m", versions, info, batching, sha256: None }
    }

    fn document(document: &impl Serialize) -> Value {
        serde_json::from_slice(&write(document).unwrap()).unwrap()
    }

    #[test]
    fn metadata_names_every_tensor_with_minus_one_for_what_may_change() {
        let (info, versions) = (info(), vec!["1".to_owned(), "2".to_owned()]);
        let metadata = document(&ModelMetadata::from(served(&info, &versions, Ok(8))));
        assert_eq!(metadata["name"], "m");
        assert_eq!(metadata["versions"], json!(["1", "2"]));
        assert_eq!(metadata["platform"], "oxidizedvision_echo");
        let input = json!([{"name": "x", "datatype": "FP32", "shape": [-1, 3, -1, -1]}]);
        assert_eq!(metadata["inputs"], input);
        assert_eq!(metadata["outputs"][0]["datatype"], "INT64");
        assert_eq!(metadata["parameters"]["max_batch_size"], 8);
    }

    #[test]
    fn a_model_that_is_not_batched_says_why() {
        let (info, versions) = (info(), vec![]);
        let reason = "off: axis 0 of output \"y\" is fixed";
        let metadata = document(&ModelMetadata::from(served(&info, &versions, Err(reason))));
        assert_eq!(metadata["parameters"]["batching"], reason);
        assert_eq!(metadata["parameters"]["max_batch_size"], 0);
    }

    #[test]
    fn a_configuration_leaves_the_batch_out_where_there_is_one() {
        let (info, versions) = (info(), vec![]);
        let config = document(&ModelConfig::from(served(&info, &versions, Ok(8))));
        let input = json!({
            "name": "x", "data_type": "TYPE_FP32", "format": "FORMAT_NONE", "dims": [3, -1, -1]
        });
        assert_eq!((&config["input"][0], &config["max_batch_size"]), (&input, &json!(8)));
        assert_eq!(config["output"][1]["dims"], json!([1]));
        assert_eq!(config["output"][1]["reshape"], json!({"shape": []}));

        let config = document(&ModelConfig::from(served(&info, &versions, Err("off"))));
        assert_eq!(config["input"][0]["dims"], json!([-1, 3, -1, -1]));
        assert_eq!(config["max_batch_size"], 0);
    }
}
