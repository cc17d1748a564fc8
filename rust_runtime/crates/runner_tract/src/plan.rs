use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runner_core::{
    DType, Dim, LoadError, LoadErrorKind, RunnerConfig,
    onnx::{Signature, TensorSpecHint},
};
use tract_onnx::{
    prelude::*,
    tract_hir::infer::{GenericFactoid, InferenceFact, ShapeFactoid},
};

use crate::{
    graph::{Graph, chain},
    patches::optimized,
    tensor::{datum_type, dtype_of},
};

pub(crate) type Plan = Arc<TypedRunnableModel>;
type Shapes = Vec<Vec<usize>>;

/// The plans of one model.
#[derive(Debug)]
pub(crate) enum Plans {
    /// Every axis is fixed: one plan, and the parsed graph is gone.
    One(Plan),
    /// One plan for each of the latest shapes.
    PerShape(Box<PlanCache>),
}

impl Plans {
    /// Plans what can be planned now, and says what is known of the outputs.
    pub(crate) fn new(
        graph: Graph,
        signature: &Signature,
        config: &RunnerConfig,
        capacity: usize,
    ) -> Result<(Self, Vec<TensorSpecHint>), LoadError> {
        let dtypes: Vec<DType> = signature.inputs.iter().map(|input| input.dtype).collect();
        if let Some(shapes) = signature.shapes() {
            let typed = graph.typed(fixed_facts(&dtypes, &shapes));
            // Weights that are laid out anew are in both until then.
            drop(graph);
            let planned = typed.and_then(|typed| {
                let known = outputs_of(&typed);
                Ok((Self::One(plan(typed, config.optimize)?), known))
            });
            return planned.map_err(|error| refused(config, &error));
        }
        // A graph that tract cannot analyse with symbols may still run with lengths in their
        // place, so a failure here is no reason to refuse it.
        let facts = symbolic_facts(&graph, signature);
        let known = graph.typed(facts).map_or_else(|_| Vec::new(), |typed| outputs_of(&typed));
        let (optimize, slots) = (config.optimize, Mutex::default());
        let cache = PlanCache { graph, dtypes, optimize, capacity, slots };
        Ok((Self::PerShape(Box::new(cache)), known))
    }

    /// The plan for inputs of these shapes.
    pub(crate) fn get(&self, shapes: &[Vec<usize>]) -> TractResult<Plan> {
        match self {
            Self::One(plan) => Ok(Arc::clone(plan)),
            Self::PerShape(cache) => cache.get(shapes),
        }
    }
}

/// Plans by input shapes, the latest last.
#[derive(Debug)]
pub(crate) struct PlanCache {
    graph: Graph,
    dtypes: Vec<DType>,
    optimize: bool,
    capacity: usize,
    slots: Mutex<Vec<(Shapes, Arc<Slot>)>>,
}

/// A plan that is made by the first who needs it while the others wait for it.
#[derive(Debug, Default)]
struct Slot(Mutex<Option<Plan>>);

impl PlanCache {
    fn get(&self, shapes: &[Vec<usize>]) -> TractResult<Plan> {
        let slot = self.slot(shapes);
        let mut made = lock(&slot.0);
        if let Some(plan) = &*made {
            return Ok(Arc::clone(plan));
        }
        let typed = self.graph.typed(fixed_facts(&self.dtypes, shapes))?;
        let plan = plan(typed, self.optimize)?;
        *made = Some(Arc::clone(&plan));
        Ok(plan)
    }

    fn slot(&self, shapes: &[Vec<usize>]) -> Arc<Slot> {
        let mut slots = lock(&self.slots);
        let found = slots.iter().position(|(known, _)| known == shapes);
        let entry = match found {
            Some(index) => slots.remove(index),
            None => (shapes.to_vec(), Arc::default()),
        };
        let slot = Arc::clone(&entry.1);
        slots.push(entry);
        if slots.len() > self.capacity {
            slots.remove(0);
        }
        slot
    }
}

/// A panic elsewhere leaves at worst a slot without a plan, which the next run makes.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn plan(typed: TypedModel, optimize: bool) -> TractResult<Plan> {
    if optimize { optimized(typed)?.into_runnable() } else { typed.into_runnable() }
}

fn refused(config: &RunnerConfig, error: &TractError) -> LoadError {
    let kind = if config.input_shapes.is_empty() {
        LoadErrorKind::Unsupported
    } else {
        LoadErrorKind::ShapeMismatch
    };
    LoadError::new(kind, &config.source.name(), chain(error))
}

fn fixed_facts(dtypes: &[DType], shapes: &[Vec<usize>]) -> Vec<InferenceFact> {
    let facts = dtypes.iter().zip(shapes);
    facts.map(|(&dtype, shape)| InferenceFact::dt_shape(datum_type(dtype), shape)).collect()
}

pub(crate) fn symbolic_facts(graph: &Graph, signature: &Signature) -> Vec<InferenceFact> {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(length) => GenericFactoid::Only(length.to_dim()),
        Dim::Symbol(name) => GenericFactoid::Only(graph.symbol(name).into()),
    };
    let fact = |dtype, dims: &[Dim]| {
        let shape = ShapeFactoid::closed(dims.iter().map(dim).collect());
        InferenceFact::dt(datum_type(dtype)).with_shape(shape)
    };
    signature.inputs.iter().map(|input| fact(input.dtype, &input.dims)).collect()
}

fn outputs_of(typed: &TypedModel) -> Vec<TensorSpecHint> {
    let dim = |dim: &TDim| match dim {
        TDim::Val(length) => usize::try_from(*length).ok().map(Dim::Fixed),
        TDim::Sym(symbol) => Some(Dim::Symbol(symbol.to_string())),
        _ => None,
    };
    let hint = |fact: &TypedFact| TensorSpecHint {
        dtype: dtype_of(fact.datum_type),
        dims: Some(fact.shape.iter().map(dim).collect()),
    };
    let facts = (0..typed.outputs.len()).map(|index| typed.output_fact(index));
    facts.map(|fact| fact.map_or_else(|_| TensorSpecHint::default(), hint)).collect()
}
