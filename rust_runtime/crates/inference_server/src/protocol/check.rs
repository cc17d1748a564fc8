use std::collections::BTreeMap;

use runner_core::{DType, Dim, TensorSpec};

use super::{Datatype, Result, Target, json::clip, shape::elements};
use crate::{ErrorKind, Limits, ServerError};

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
        let symbols = &mut self.symbols;
        let fits = shape.len() == spec.dims.len()
            && spec.dims.iter().zip(shape).all(|(dim, &length)| match dim {
                Dim::Fixed(expected) => length == *expected,
                Dim::Symbol(name) => {
                    length > 0 && *symbols.entry(name.as_str()).or_insert(length) == length
                }
            });
        if fits {
            return Ok(());
        }
        let message = format!("expected shape {}, got {shape:?}", spec.dims_text());
        Err(self.error(ErrorKind::BadInput, &spec.name, message))
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

#[cfg(test)]
mod tests {
    use runner_core::ModelInfo;

    use super::*;
    use crate::protocol::testing::{fixed, model, spec, symbol};

    fn target(info: &ModelInfo) -> Target<'_> {
        Target { name: "m", version: "1", info, pictures: Some("image") }
    }

    fn admit(info: &ModelInfo, inputs: &[(&str, Datatype, &[usize])]) -> Result<()> {
        let limits = Limits::default();
        let mut checker = Checker::new(&target(info), &limits);
        for (name, datatype, shape) in inputs {
            checker.admit(name, *datatype, shape)?;
        }
        checker.finish()
    }

    fn two_inputs() -> ModelInfo {
        let dims = || vec![symbol("batch"), fixed(3), symbol("side"), symbol("side")];
        let inputs = vec![spec("a", DType::F32, dims()), spec("b", DType::U8, dims())];
        model(inputs, vec![spec("y", DType::F32, vec![symbol("batch"), fixed(10)])])
    }

    #[test]
    fn what_fits_is_admitted() {
        let shape: &[usize] = &[2, 3, 8, 8];
        let inputs = [("b", Datatype::Uint8, shape), ("a", Datatype::Fp32, shape)];
        assert_eq!(admit(&two_inputs(), &inputs), Ok(()));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        use Datatype::{Bytes, Fp32, Fp64, Uint8, Uint16};
        type Inputs<'a> = Vec<(&'a str, Datatype, &'a [usize])>;
        let good: &[usize] = &[1, 3, 8, 8];
        let cases: [(Inputs<'_>, &str, &str); 11] = [
            (vec![("a", Fp32, good)], "b", "missing: expected UINT8 [batch, 3, side, side]"),
            (vec![("c", Fp32, good)], "c", "the model has a, b"),
            (vec![("a", Fp32, good), ("a", Fp32, good)], "a", "twice"),
            (vec![("a", Fp64, good)], "a", "expected FP32, got FP64"),
            (vec![("a", Uint16, good)], "a", "expected FP32, got UINT16"),
            (vec![("a", Bytes, &[1])], "a", "expected FP32, got BYTES"),
            (vec![("a", Fp32, &[1, 4, 8, 8])], "a", "got [1, 4, 8, 8]"),
            (vec![("a", Fp32, &[1, 3, 8])], "a", "got [1, 3, 8]"),
            (vec![("a", Fp32, &[1, 3, 8, 9])], "a", "expected shape [batch, 3, side, side]"),
            (vec![("a", Fp32, &[0, 3, 8, 8])], "a", "got [0, 3, 8, 8]"),
            (vec![("a", Fp32, good), ("b", Uint8, &[1, 3, 9, 9])], "b", "got [1, 3, 9, 9]"),
        ];
        for (inputs, input, text) in cases {
            let error = admit(&two_inputs(), &inputs).unwrap_err();
            assert_eq!((error.kind(), error.input()), (ErrorKind::BadInput, Some(input)));
            assert!(error.message().contains(text), "{error}");
        }
    }

    #[test]
    fn memory_is_estimated_before_it_is_taken() {
        let dims = vec![fixed(1), fixed(3), symbol("h"), symbol("w")];
        let info = model(vec![spec("x", DType::F32, dims.clone())], vec![]);
        let error = admit(&info, &[("x", Datatype::Fp32, &[1, 3, 100_000, 100_000])]).unwrap_err();
        assert_eq!((error.kind(), error.input()), (ErrorKind::TooLarge, Some("x")));
        let error = admit(&info, &[("x", Datatype::Fp32, &[1, 3, 1 << 60, 1 << 60])]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadInput);

        let mut limits = Limits::default();
        limits.request.memory = 47;
        let mut checker = Checker::new(&target(&info), &limits);
        let error = checker.admit("x", Datatype::Fp32, &[1, 3, 2, 2]).unwrap_err();
        assert_eq!((error.kind(), error.input()), (ErrorKind::TooLarge, Some("x")));
    }

    #[test]
    fn outputs_count_as_far_as_their_axes_are_known() {
        let outputs = vec![spec("y", DType::F32, vec![symbol("n"), fixed(1 << 20), symbol("k")])];
        let info = model(vec![spec("x", DType::U8, vec![symbol("n")])], outputs);
        assert_eq!(admit(&info, &[("x", Datatype::Uint8, &[100])]), Ok(()));
        let error = admit(&info, &[("x", Datatype::Uint8, &[1000])]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
    }

    #[test]
    fn pictures_are_admitted_where_the_model_takes_them() {
        let info = model(vec![spec("image", DType::F32, vec![symbol("n"), fixed(8)])], vec![]);
        let limits = Limits::default();
        let pictures = |shape: &[usize]| {
            Checker::new(&target(&info), &limits).admit("image", Datatype::Bytes, shape)
        };
        assert_eq!(pictures(&[2, 1]), Ok(Admitted::Pictures(2)));
        assert_eq!(pictures(&[0]).unwrap_err().kind(), ErrorKind::BadInput);
        for shape in [&[65][..], &[1 << 40, 1 << 40]] {
            assert_eq!(pictures(shape).unwrap_err().kind(), ErrorKind::TooLarge);
        }
    }

    #[test]
    fn inputs_of_any_origin_are_held_against_the_model() {
        let (info, limits) = (two_inputs(), Limits::default());
        let shape: &[usize] = &[1, 3, 8, 8];
        let a = ("a", DType::F32, shape);
        let inputs = [("b", DType::U8, shape), a];
        assert_eq!(check_inputs(&target(&info), &limits, inputs), Ok(()));
        assert_eq!(check_inputs(&target(&info), &limits, [a]).unwrap_err().input(), Some("b"));
    }
}
