use std::collections::BTreeMap;

use super::{Declared, OnnxModel};
use crate::{
    AxisRange, Dim, LoadError, LoadErrorKind, RunnerConfig, TensorSpec, info::fits_memory,
};

/// A model's inputs with the shapes that the user fixed, and what follows for its outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Inputs in the graph's order.
    pub inputs: Vec<TensorSpec>,
    /// The lengths for which axes were proved whose lengths are still open.
    pub axes: BTreeMap<String, AxisRange>,
    /// The inputs' symbols, with their lengths where [`RunnerConfig::input_shapes`] fixed them.
    symbols: BTreeMap<String, Option<usize>>,
}

impl Signature {
    /// Fits [`RunnerConfig::input_shapes`] to the model.
    ///
    /// # Errors
    /// [`LoadErrorKind::ShapeMismatch`] for a shape that does not fit,
    /// [`LoadErrorKind::Unsupported`] for an input whose type or number of axes nobody gives.
    pub fn new(config: &RunnerConfig, model: &OnnxModel) -> Result<Self, LoadError> {
        known_names(config, model)?;
        let mut lengths = BTreeMap::new();
        let mut inputs = Vec::with_capacity(model.inputs.len());
        for input in &model.inputs {
            let mut spec = spec_of(config, input)?;
            if let Some(shape) = config.input_shapes.get(&input.name) {
                if !bind(&spec.dims, shape, &mut lengths) {
                    let (name, dims) = (&spec.name, spec.dims_text());
                    let message = format!("input {name:?} is {dims}, the shape given is {shape:?}");
                    return Err(refuse(config, LoadErrorKind::ShapeMismatch, message));
                }
                fix_unnamed(&mut spec.dims, shape);
            }
            inputs.push(spec);
        }
        for (name, length) in &lengths {
            let Some(range) = model.axes.get(name).filter(|range| !range.allows(*length)) else {
                continue;
            };
            let message = format!("the shapes given make {name} {length}: it must be {range}");
            return Err(refuse(config, LoadErrorKind::ShapeMismatch, message));
        }
        let names = inputs.iter().flat_map(|input| &input.dims).filter_map(Dim::shared);
        let symbols = names.map(|name| (name.to_owned(), lengths.get(name).copied())).collect();
        for input in &mut inputs {
            fix(&mut input.dims, &symbols);
            if !fits_memory(input.dtype, &input.dims) {
                let (name, dims) = (&input.name, input.dims_text());
                let message = format!("input {name:?} would be {dims}: larger than any memory");
                return Err(refuse(config, LoadErrorKind::ShapeMismatch, message));
            }
        }
        let mut axes = model.axes.clone();
        axes.retain(|name, _| matches!(symbols.get(name), Some(None)));
        Ok(Self { inputs, axes, symbols })
    }

    /// The inputs' shapes, when all are fixed.
    pub fn shapes(&self) -> Option<Vec<Vec<usize>>> {
        let length = |dim: &Dim| match dim {
            Dim::Fixed(length) => Some(*length),
            Dim::Symbol(_) => None,
        };
        self.inputs.iter().map(|input| input.dims.iter().map(length).collect()).collect()
    }

    /// The outputs: what the engine inferred where it knows a length or finds an input's symbol,
    /// else what the file declares.
    ///
    /// # Errors
    /// [`LoadErrorKind::Unsupported`] for an output whose type or number of axes nobody knows.
    pub fn outputs(
        &self,
        config: &RunnerConfig,
        model: &OnnxModel,
        inferred: &[TensorSpecHint],
    ) -> Result<Vec<TensorSpec>, LoadError> {
        let unknown = TensorSpecHint::default();
        let hints = inferred.iter().chain(std::iter::repeat(&unknown));
        model
            .outputs
            .iter()
            .zip(hints)
            .map(|(declared, hint)| {
                let dtype = declared.dtype.or(hint.dtype);
                let dims =
                    self.merge(&declared.name, declared.dims.as_deref(), hint.dims.as_deref());
                let (Some(dtype), Some(mut dims)) = (dtype, dims) else {
                    return Err(LoadError::new(
                        LoadErrorKind::Unsupported,
                        &config.source.name(),
                        format!("output {:?} has no element type or no shape", declared.name),
                    ));
                };
                fix(&mut dims, &self.symbols);
                Ok(TensorSpec { name: declared.name.clone(), dtype, dims })
            })
            .collect()
    }

    fn merge(
        &self,
        name: &str,
        declared: Option<&[Dim]>,
        known: Option<&[Option<Dim>]>,
    ) -> Option<Vec<Dim>> {
        let rank = known.map_or(declared.map(<[Dim]>::len), |known| Some(known.len()))?;
        let declared = declared.filter(|dims| dims.len() == rank);
        let counts = |dim: &&Dim| match dim {
            Dim::Fixed(_) => true,
            Dim::Symbol(name) => self.symbols.contains_key(name),
        };
        let dim = |axis: usize| {
            let inferred = known.and_then(|known| known[axis].as_ref()).filter(counts);
            let stated = || declared.map(|dims| &dims[axis]);
            let made_up = || Dim::Symbol(format!("{name}_{axis}"));
            inferred.or_else(stated).cloned().unwrap_or_else(made_up)
        };
        Some((0..rank).map(dim).collect())
    }
}

/// What an engine knows about an output before the first run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TensorSpecHint {
    /// Element type, where it is known.
    pub dtype: Option<crate::DType>,
    /// Axes, each where the engine knows it. Only lengths and symbols of inputs count.
    pub dims: Option<Vec<Option<Dim>>>,
}

fn refuse(config: &RunnerConfig, kind: LoadErrorKind, message: String) -> LoadError {
    LoadError::new(kind, &config.source.name(), message)
}

fn known_names(config: &RunnerConfig, model: &OnnxModel) -> Result<(), LoadError> {
    let names: Vec<&str> = model.inputs.iter().map(|input| input.name.as_str()).collect();
    match config.input_shapes.keys().find(|given| !names.contains(&given.as_str())) {
        None => Ok(()),
        Some(given) => {
            let message =
                format!("a shape is given for {given:?}, the inputs are {}", names.join(", "));
            Err(refuse(config, LoadErrorKind::ShapeMismatch, message))
        }
    }
}

/// The input as declared; the shape given stands in where the file has none.
fn spec_of(config: &RunnerConfig, input: &Declared) -> Result<TensorSpec, LoadError> {
    let given = config.input_shapes.get(&input.name);
    let shape = || given.map(|shape| shape.iter().copied().map(Dim::Fixed).collect());
    let (Some(dtype), Some(dims)) = (input.dtype, input.dims.clone().or_else(shape)) else {
        let message = format!(
            "input {:?} has no element type or no shape; a shape can be given by input_shapes",
            input.name
        );
        return Err(refuse(config, LoadErrorKind::Unsupported, message));
    };
    Ok(TensorSpec { name: input.name.clone(), dtype, dims })
}

fn bind(dims: &[Dim], shape: &[usize], symbols: &mut BTreeMap<String, usize>) -> bool {
    dims.len() == shape.len()
        && dims.iter().zip(shape).all(|(dim, &length)| match dim {
            Dim::Fixed(expected) => length == *expected,
            Dim::Symbol(_) => {
                let bound = |name: &str| *symbols.entry(name.into()).or_insert(length) == length;
                length > 0 && dim.shared().is_none_or(bound)
            }
        })
}

/// Gives the axes that no name ties to others the lengths at their places.
fn fix_unnamed(dims: &mut [Dim], shape: &[usize]) {
    for (dim, &length) in dims.iter_mut().zip(shape) {
        if dim.shared().is_none() {
            *dim = Dim::Fixed(length);
        }
    }
}

fn fix(dims: &mut [Dim], symbols: &BTreeMap<String, Option<usize>>) {
    for dim in dims {
        if let Dim::Symbol(name) = dim
            && let Some(&Some(length)) = symbols.get(name)
        {
            *dim = Dim::Fixed(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    fn declared(name: &str, dims: Option<Vec<Dim>>) -> Declared {
        Declared { name: name.into(), dtype: Some(DType::F32), dims }
    }

    fn symbol(name: &str) -> Dim {
        Dim::Symbol(name.into())
    }

    fn model(outputs: Vec<Declared>) -> OnnxModel {
        let inputs = ["a", "b"].map(|name| declared(name, Some(vec![symbol("n"), Dim::Fixed(3)])));
        OnnxModel { inputs: inputs.to_vec(), outputs, ..OnnxModel::default() }
    }

    #[test]
    fn a_shape_given_for_one_input_fixes_its_symbols_everywhere() {
        let model = model(vec![declared("y", Some(vec![symbol("n"), symbol("other")]))]);
        let mut config = RunnerConfig::from_bytes("m", vec![]);
        config.input_shapes.insert("a".into(), vec![7, 3]);
        let signature = Signature::new(&config, &model).unwrap();
        assert_eq!(signature.shapes(), Some(vec![vec![7, 3], vec![7, 3]]));
        let outputs = signature.outputs(&config, &model, &[]).unwrap();
        assert_eq!(outputs[0].dims, [Dim::Fixed(7), symbol("other")]);

        for other in [8, 1 << 62] {
            config.input_shapes.insert("b".into(), vec![other, 3]);
            let error = Signature::new(&config, &model).unwrap_err();
            assert_eq!(error.kind(), LoadErrorKind::ShapeMismatch);
        }
    }

    #[test]
    fn a_shape_given_for_axes_without_a_name_fixes_these_alone() {
        let mut model = model(vec![declared("y", Some(vec![symbol("?")]))]);
        for input in &mut model.inputs {
            input.dims = Some(vec![symbol("?"), Dim::Fixed(3), symbol("?")]);
        }
        let mut config = RunnerConfig::from_bytes("m", vec![]);
        config.input_shapes.insert("a".into(), vec![7, 3, 9]);
        let signature = Signature::new(&config, &model).unwrap();
        assert_eq!(signature.inputs[0].dims, [Dim::Fixed(7), Dim::Fixed(3), Dim::Fixed(9)]);
        assert_eq!(signature.inputs[1].dims, [symbol("?"), Dim::Fixed(3), symbol("?")]);
        let outputs = signature.outputs(&config, &model, &[]).unwrap();
        assert_eq!(outputs[0].dims, [symbol("?")]);
    }

    #[test]
    fn no_shape_is_larger_than_memory_can_be() {
        let model = model(vec![]);
        let mut config = RunnerConfig::from_bytes("m", vec![]);
        for rows in [1 << 62, usize::MAX] {
            config.input_shapes.insert("a".into(), vec![rows, 3]);
            let error = Signature::new(&config, &model).unwrap_err();
            assert_eq!(error.kind(), LoadErrorKind::ShapeMismatch);
            assert!(error.to_string().contains("larger than any memory"), "{error}");
        }
    }

    #[test]
    fn what_the_engine_infers_counts_where_it_says_more_than_the_file() {
        let model = model(vec![
            declared("y", Some(vec![symbol("made up"), symbol("kept")])),
            declared("z", None),
        ]);
        let config = RunnerConfig::from_bytes("m", vec![]);
        let signature = Signature::new(&config, &model).unwrap();
        let hint = |dims: &[Option<Dim>]| TensorSpecHint { dtype: None, dims: Some(dims.to_vec()) };
        let inferred = [
            hint(&[Some(symbol("n")), Some(symbol("engine's own"))]),
            hint(&[Some(Dim::Fixed(4)), None]),
        ];
        let outputs = signature.outputs(&config, &model, &inferred).unwrap();
        assert_eq!(outputs[0].dims, [symbol("n"), symbol("kept")]);
        assert_eq!(outputs[1].dims, [Dim::Fixed(4), symbol("z_1")]);
        let error = signature.outputs(&config, &model, &[]).unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Unsupported);
    }
}
