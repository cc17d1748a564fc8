use std::collections::BTreeMap;

use super::OnnxModel;
use crate::{Dim, LoadError, LoadErrorKind, RunnerConfig, TensorSpec};

/// A model's inputs with the shapes that the user fixed, and what follows for its outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Inputs in the graph's order.
    pub inputs: Vec<TensorSpec>,
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
        let name = config.source.name();
        let error = |kind, message: String| LoadError::new(kind, &name, message);
        for given in config.input_shapes.keys() {
            if !model.inputs.iter().any(|input| input.name == *given) {
                let known: Vec<&str> =
                    model.inputs.iter().map(|input| input.name.as_str()).collect();
                let message =
                    format!("a shape is given for {given:?}, the inputs are {}", known.join(", "));
                return Err(error(LoadErrorKind::ShapeMismatch, message));
            }
        }
        let mut lengths = BTreeMap::new();
        let mut inputs = Vec::with_capacity(model.inputs.len());
        for input in &model.inputs {
            let given = config.input_shapes.get(&input.name);
            let dims = input
                .dims
                .clone()
                .or_else(|| given.map(|shape| shape.iter().copied().map(Dim::Fixed).collect()));
            let (Some(dtype), Some(dims)) = (input.dtype, dims) else {
                let message = format!(
                    "input {:?} has no element type or no shape; a shape can be given by input_shapes",
                    input.name
                );
                return Err(error(LoadErrorKind::Unsupported, message));
            };
            let spec = TensorSpec { name: input.name.clone(), dtype, dims };
            if let Some(shape) = given
                && !bind(&spec.dims, shape, &mut lengths)
            {
                let (name, dims) = (&spec.name, spec.dims_text());
                let message = format!("input {name:?} is {dims}, the shape given is {shape:?}");
                return Err(error(LoadErrorKind::ShapeMismatch, message));
            }
            inputs.push(spec);
        }
        let dims = inputs.iter().flat_map(|input| &input.dims);
        let symbols = dims
            .filter_map(|dim| match dim {
                Dim::Symbol(name) => Some((name.clone(), lengths.get(name).copied())),
                Dim::Fixed(_) => None,
            })
            .collect();
        for input in &mut inputs {
            fix(&mut input.dims, &symbols);
        }
        Ok(Self { inputs, symbols })
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

fn bind(dims: &[Dim], shape: &[usize], symbols: &mut BTreeMap<String, usize>) -> bool {
    dims.len() == shape.len()
        && dims.iter().zip(shape).all(|(dim, &length)| match dim {
            Dim::Fixed(expected) => length == *expected,
            Dim::Symbol(name) => {
                length > 0 && *symbols.entry(name.clone()).or_insert(length) == length
            }
        })
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
