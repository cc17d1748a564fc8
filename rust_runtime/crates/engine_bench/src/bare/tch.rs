//! LibTorch: a TorchScript module without gradients.

use std::path::Path;

use ::tch::{CModule, IValue, Kind, Tensor as Torch};
use runner_core::{DType, NamedTensors, Tensor};

use super::{
    BareEngine,
    memory::{bytes_of, filled, lengths_of},
};

pub(super) struct Bare {
    module: CModule,
}

impl Bare {
    pub(super) fn load(path: &Path, threads: usize) -> Result<Self, String> {
        let threads = i32::try_from(threads).map_err(|error| error.to_string())?;
        ::tch::set_num_threads(threads);
        let mut module = CModule::load(path).map_err(|error| error.to_string())?;
        module.f_set_eval().map_err(|error| error.to_string())?;
        Ok(Self { module })
    }
}

impl BareEngine for Bare {
    fn run(&self, inputs: &[(String, Tensor)]) -> Result<NamedTensors, String> {
        let inputs = inputs.iter().map(|(_, tensor)| Ok(IValue::Tensor(torch_of(tensor)?)));
        let inputs = inputs.collect::<Result<Vec<_>, String>>()?;
        let output = ::tch::no_grad(|| self.module.forward_is(&inputs));
        match output.map_err(|error| error.to_string())? {
            IValue::Tensor(tensor) => Ok(vec![("output".to_owned(), tensor_of(&tensor)?)]),
            IValue::Tuple(values) => values
                .into_iter()
                .enumerate()
                .map(|(index, value)| match value {
                    IValue::Tensor(tensor) => Ok((format!("output_{index}"), tensor_of(&tensor)?)),
                    other => Err(format!("output {index} is {other:?}")),
                })
                .collect(),
            other => Err(format!("the module gave {other:?}")),
        }
    }
}

const KINDS: [(DType, Kind); 8] = [
    (DType::F32, Kind::Float),
    (DType::F16, Kind::Half),
    (DType::F64, Kind::Double),
    (DType::I8, Kind::Int8),
    (DType::U8, Kind::Uint8),
    (DType::I32, Kind::Int),
    (DType::I64, Kind::Int64),
    (DType::Bool, Kind::Bool),
];

fn torch_of(tensor: &Tensor) -> Result<Torch, String> {
    let shape = lengths_of(tensor.shape());
    let (_, kind) =
        KINDS[KINDS.iter().position(|&(dtype, _)| dtype == tensor.dtype()).unwrap_or(0)];
    Torch::f_from_data_size(bytes_of(tensor)?, &shape, kind).map_err(|error| error.to_string())
}

fn tensor_of(torch: &Torch) -> Result<Tensor, String> {
    let kind = torch.f_kind().map_err(|error| error.to_string())?;
    let known = KINDS.iter().find(|&&(_, known)| known == kind);
    let &(dtype, _) = known.ok_or_else(|| format!("LibTorch gave {kind:?}"))?;
    let shape: Vec<usize> = torch.size().iter().map(|&length| length as usize).collect();
    let flat = torch.f_contiguous().map_err(|error| error.to_string())?;
    filled(dtype, &shape, |memory| {
        flat.f_copy_data_u8(memory, flat.numel()).map_err(|error| error.to_string())
    })
}
