//! What OpenVINO's shape inference says of a run before it is made.
//!
//! The CPU plugin does not refuse every shape that a graph cannot take: with one thread a `Concat`
//! of unequal lengths gives what lay in its buffers, the answer of another run, and later runs of
//! this and other models may go wrong. So a run is made only where the graph that was read can have
//! the shapes of its inputs, and its outputs must have the shapes that follow from them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use runner_core::{Dim, Tensor, TensorSpec};

use crate::native::{Lengths, Model, Side};

/// As many answers as are kept; what comes beyond that is asked for anew.
const MOST_KNOWN: usize = 1024;

type Shape = Vec<usize>;

/// The lengths of each output of the engine, where they follow from the inputs'.
pub(crate) type Outputs = Vec<Option<Vec<Option<usize>>>>;

/// Asks for shapes once.
pub(crate) struct Inference(Mutex<Inside>);

struct Inside {
    model: Model,
    known: HashMap<Vec<Shape>, Result<Outputs, String>>,
}

impl Inference {
    /// Nothing where every input has one shape, which the model had when it was compiled.
    pub(crate) fn new(model: Model, inputs: &[TensorSpec]) -> Option<Self> {
        let mut dims = inputs.iter().flat_map(|input| &input.dims);
        let changes = dims.any(|dim| matches!(dim, Dim::Symbol(_)));
        changes.then(|| Self(Mutex::new(Inside { model, known: HashMap::new() })))
    }

    /// What follows from the shapes of inputs, which stand at the engine's `indices` if at all.
    ///
    /// # Errors
    /// OpenVINO's reason when the model cannot take them.
    pub(crate) fn outputs(
        &self,
        inputs: &[Tensor],
        indices: &[Option<usize>],
    ) -> Result<Outputs, String> {
        let shapes: Vec<Shape> = inputs.iter().map(|input| input.shape().to_vec()).collect();
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = inside.known.get(&shapes) {
            return known.clone();
        }
        let found = inside.infer(&shapes, indices);
        if inside.known.len() >= MOST_KNOWN {
            inside.known.clear();
        }
        inside.known.insert(shapes, found.clone());
        found
    }
}

impl Inside {
    fn infer(&mut self, shapes: &[Shape], indices: &[Option<usize>]) -> Result<Outputs, String> {
        let fixed = |&length: &usize| {
            let length = i64::try_from(length).unwrap_or(i64::MAX);
            Lengths { min: length, max: length }
        };
        let placed = shapes.iter().zip(indices);
        let placed = placed.filter_map(|(shape, index)| {
            index.map(|index| (index, shape.iter().map(fixed).collect()))
        });
        self.model.reshape(&placed.collect::<Vec<_>>())?;
        let length = |lengths: Lengths| {
            (lengths.min == lengths.max).then(|| usize::try_from(lengths.min).ok()).flatten()
        };
        let ports = self.model.ports(Side::Output)?.into_iter();
        Ok(ports.map(|port| Some(port.dims?.into_iter().map(length).collect())).collect())
    }
}

/// Whether an output has the lengths that follow from the inputs.
pub(crate) fn fits(shape: &[usize], expected: Option<&Vec<Option<usize>>>) -> bool {
    expected.is_none_or(|lengths| {
        lengths.len() == shape.len()
            && lengths.iter().zip(shape).all(|(known, got)| known.is_none_or(|it| it == *got))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_has_the_lengths_that_are_known() {
        assert!(fits(&[1, 2], None));
        assert!(fits(&[1, 2], Some(&vec![Some(1), None])));
        assert!(!fits(&[1, 2], Some(&vec![Some(2), None])));
        assert!(!fits(&[1, 2], Some(&vec![Some(1)])));
    }
}
