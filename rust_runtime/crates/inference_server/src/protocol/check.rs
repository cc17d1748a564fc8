use std::collections::BTreeMap;

use runner_core::{DType, Dim, TensorSpec};

use super::{Datatype, Result, Target, json::clip, shape::elements};
use crate::{ErrorKind, Limits, ServerError};

#[cfg(test)]
mod tests;

/// What an input that fits the model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admitted {
    /// A tensor of so many elements.
    Tensor { dtype: DType, elements: usize },
    /// So many encoded pictures.
    Pictures(usize),
}

/// Holds the inputs of one request against the model and the limits, each before its data is read.
pub(super) struct Checker<'a> {
    pub(super) target: Target<'a>,
    pub(super) limits: &'a Limits,
    seen: Vec<bool>,
    symbols: BTreeMap<&'a str, usize>,
    elements: usize,
    memory: usize,
    pictures: bool,
}

/// Holds inputs that came by no protocol, or whose data is not there yet, against the model and the
/// limits: names, types and shapes, every input once, and the memory that all would take.
///
/// # Errors
/// [`ErrorKind::BadInput`] with the input's name, or [`ErrorKind::TooLarge`].
pub fn check_inputs<'i>(
    target: &Target<'_>,
    limits: &Limits,
    inputs: impl IntoIterator<Item = (&'i str, DType, &'i [usize])>,
) -> Result<()> {
    let mut checker = Checker::new(target, limits);
    for (name, dtype, shape) in inputs {
        checker.admit(name, dtype.into(), shape)?;
    }
    checker.finish()
}

impl<'a> Checker<'a> {
    pub(super) fn new(target: &Target<'a>, limits: &'a Limits) -> Self {
        Self {
            target: *target,
            limits,
            seen: vec![false; target.info.inputs.len()],
            symbols: BTreeMap::new(),
            elements: 0,
            memory: 0,
            pictures: false,
        }
    }

    /// The spec of an input that comes for the first time.
    pub(super) fn take(&mut self, name: &str) -> Result<&'a TensorSpec> {
        let inputs = &self.target.info.inputs;
        let Some(index) = inputs.iter().position(|spec| spec.name == name) else {
            let known: Vec<&str> = inputs.iter().map(|spec| spec.name.as_str()).collect();
            let message = format!("there is no such input; the model has {}", known.join(", "));
            return Err(self.error(ErrorKind::BadInput, name, message));
        };
        if std::mem::replace(&mut self.seen[index], true) {
            return Err(self.error(ErrorKind::BadInput, name, "the input comes twice".to_owned()));
        }
        Ok(&inputs[index])
    }

    /// Whether an input of this type and shape fits; nothing of its size has been taken yet.
    pub(super) fn admit(
        &mut self,
        name: &str,
        datatype: Datatype,
        shape: &[usize],
    ) -> Result<Admitted> {
        let spec = self.take(name)?;
        if datatype == Datatype::Bytes && self.target.pictures == Some(name) {
            return self.admit_pictures(spec, shape);
        }
        let expected = Datatype::from(spec.dtype);
        if datatype != expected {
            let message = format!("expected {expected}, got {datatype}");
            return Err(self.error(ErrorKind::BadInput, name, message));
        }
        self.fit(spec, shape)?;
        let elements = self.reserve(spec, shape)?;
        Ok(Admitted::Tensor { dtype: spec.dtype, elements })
    }

    /// Refuses a request that lacks an input, or whose outputs would take too much memory.
    pub(super) fn finish(&self) -> Result<()> {
        let inputs = &self.target.info.inputs;
        if let Some((spec, _)) = inputs.iter().zip(&self.seen).find(|(_, seen)| !**seen) {
            let expected = describe(spec);
            let message = format!("the input is missing: expected {expected}");
            return Err(self.error(ErrorKind::BadInput, &spec.name, message));
        }
        if self.pictures && inputs.len() > 1 {
            let message = "pictures and tensors cannot come in one request".to_owned();
            return Err(ServerError::bad_input(message).with_model(self.target.name));
        }
        let outputs = self.target.info.outputs.iter();
        let memory = outputs
            .map(|spec| self.output_memory(spec))
            .try_fold(self.memory, |sum, memory| sum.checked_add(memory?));
        match memory {
            Some(memory) if memory <= self.limits.request.memory => Ok(()),
            _ => Err(self.too_large("the inputs and outputs").with_model(self.target.name)),
        }
    }

    fn admit_pictures(&mut self, spec: &TensorSpec, shape: &[usize]) -> Result<Admitted> {
        let most = self.limits.pictures.count;
        let refuse = |kind, message| Err(self.error(kind, &spec.name, message));
        match elements(shape) {
            Some(0) => refuse(ErrorKind::BadInput, "there is no picture in it".to_owned()),
            Some(count) if count <= most => {
                self.pictures = true;
                Ok(Admitted::Pictures(count))
            }
            _ => refuse(ErrorKind::TooLarge, format!("{shape:?} is more than {most} pictures")),
        }
    }

    fn fit(&mut self, spec: &'a TensorSpec, shape: &[usize]) -> Result<()> {
        match self.target.info.misfit(spec, shape, &mut self.symbols) {
            None => Ok(()),
            Some(message) => Err(self.error(ErrorKind::BadInput, &spec.name, message)),
        }
    }

    /// Counts the elements of one more input against the limits.
    fn reserve(&mut self, spec: &TensorSpec, shape: &[usize]) -> Result<usize> {
        let own =
            elements(shape).and_then(|count| Some((count, count.checked_mul(spec.dtype.size())?)));
        let Some((count, bytes)) = own else {
            let message = format!("a tensor of shape {shape:?} fits no memory");
            return Err(self.error(ErrorKind::BadInput, &spec.name, message));
        };
        let sums = self.elements.checked_add(count).zip(self.memory.checked_add(bytes));
        let limits = &self.limits.request;
        match sums {
            Some((elements, memory)) if elements <= limits.elements && memory <= limits.memory => {
                (self.elements, self.memory) = (elements, memory);
                Ok(count)
            }
            _ => {
                let what = format!("with this input of shape {shape:?} the request");
                Err(self.too_large(&what).with_input(&spec.name).with_model(self.target.name))
            }
        }
    }

    /// Bytes of an output as far as the inputs tell its axes; others count as 1.
    fn output_memory(&self, spec: &TensorSpec) -> Option<usize> {
        spec.dims.iter().try_fold(spec.dtype.size(), |product, dim| {
            product.checked_mul(match dim {
                Dim::Fixed(length) => *length,
                Dim::Symbol(name) => self.symbols.get(name.as_str()).copied().unwrap_or(1),
            })
        })
    }

    fn too_large(&self, what: &str) -> ServerError {
        let limits = &self.limits.request;
        let message = format!(
            "{what} would take more than this server allows: {} elements, {} bytes",
            limits.elements, limits.memory
        );
        ServerError::new(ErrorKind::TooLarge, message)
    }

    fn error(&self, kind: ErrorKind, input: &str, message: String) -> ServerError {
        ServerError::new(kind, message).with_model(self.target.name).with_input(&clip(input))
    }
}

/// Type and axes of an input, as the protocol names them.
fn describe(spec: &TensorSpec) -> String {
    format!("{} {}", Datatype::from(spec.dtype), spec.dims_text())
}
