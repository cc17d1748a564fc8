use std::collections::BTreeMap;

use runner_core::{Dim, ModelInfo, Tensor, TensorSpec};

use crate::infer::Output;

/// The outputs of a run in the model's order, each as declared.
///
/// # Errors
/// An output that is missing, unknown, given twice, or of other axes than declared.
pub(crate) fn in_order(
    outputs: Vec<Output>,
    info: &ModelInfo,
    inputs: &[Tensor],
) -> Result<Vec<Tensor>, String> {
    let mut given: BTreeMap<String, Output> = BTreeMap::new();
    for output in outputs {
        let name = output.name.clone();
        let known = info.outputs.iter().any(|spec| spec.name == name);
        if !known || given.insert(name.clone(), output).is_some() {
            return Err(format!("trtexec gave output {name:?} twice, or the model has no such"));
        }
    }
    let symbols = symbols(info, inputs);
    info.outputs
        .iter()
        .map(|spec| {
            let name = &spec.name;
            let output =
                given.remove(name).ok_or_else(|| format!("trtexec gave no output {name:?}"))?;
            check_dims(spec, &output.dims, &symbols)?;
            output.tensor(spec.dtype)
        })
        .collect()
}

/// Lengths of the symbols that this run's inputs bind.
fn symbols<'a>(info: &'a ModelInfo, inputs: &[Tensor]) -> BTreeMap<&'a str, usize> {
    let axes = info.inputs.iter().zip(inputs).flat_map(|(spec, tensor)| {
        let lengths = spec.dims.iter().zip(tensor.shape());
        lengths.filter_map(|(dim, &length)| dim.shared().map(|name| (name, length)))
    });
    axes.collect()
}

fn check_dims(
    spec: &TensorSpec,
    dims: &[usize],
    symbols: &BTreeMap<&str, usize>,
) -> Result<(), String> {
    let fits = dims.len() == spec.dims.len()
        && spec.dims.iter().zip(dims).all(|(dim, length)| match dim {
            Dim::Fixed(expected) => length == expected,
            Dim::Symbol(name) => symbols.get(name.as_str()).is_none_or(|bound| bound == length),
        });
    if fits {
        return Ok(());
    }
    Err(format!("output {:?} is {}, trtexec gave {dims:?}", spec.name, spec.dims_text()))
}

#[cfg(test)]
mod tests {
    use runner_core::DType;

    use super::*;

    #[test]
    fn dimensions_that_the_model_does_not_declare_are_refused() {
        let dims = vec![Dim::Fixed(3), Dim::Symbol("n".into()), Dim::Symbol("free".into())];
        let spec = TensorSpec { name: "y".into(), dtype: DType::F32, dims };
        let symbols = BTreeMap::from([("n", 5)]);
        assert!(check_dims(&spec, &[3, 5, 9], &symbols).is_ok());
        for dims in [&[3, 5][..], &[4, 5, 9], &[3, 6, 9], &[]] {
            let error = check_dims(&spec, dims, &symbols).unwrap_err();
            assert!(error.contains("[3, n, free]"), "{error}");
        }
    }
}
