use runner_core::TensorSpec;

use super::data::Data;
use crate::{
    Limits, ServerError,
    protocol::{
        Content, Datatype, Parsed, ReplyForm, Result, Target, Terms, check::Checker,
        shape::shape_of_elements,
    },
};

/// Reads a body that is the bytes of the model's only input, whose shape its length must tell. The
/// outputs are written as binary data too.
pub(super) fn read<'a>(
    mut bytes: Data<'_>,
    target: &Target<'_>,
    limits: &Limits,
) -> Result<Parsed<'a>> {
    let refuse = |message: String| ServerError::bad_input(message).with_model(target.name);
    let [spec] = &target.info.inputs[..] else {
        let count = target.info.inputs.len();
        return Err(refuse(format!("a raw body is for one input; the model has {count}")));
    };
    let size = bytes.len();
    let untold = || {
        refuse(format!(
            "{size} bytes do not tell the shape of {} {}; send a JSON header with it",
            Datatype::from(spec.dtype),
            spec.dims_text()
        ))
        .with_input(&spec.name)
    };
    let shape = shape_of(spec, size).ok_or_else(untold)?;
    let mut checker = Checker::new(target, limits);
    checker.admit(&spec.name, spec.dtype.into(), &shape)?;
    checker.finish()?;
    let tensor = bytes
        .tensor(spec.dtype, &shape, size)
        .ok_or_else(untold)?
        .map_err(|error| error.with_input(&spec.name).with_model(target.name))?;
    let form = ReplyForm { binary: true, by_output: Vec::new() };
    Ok(Parsed {
        content: Content::Tensors(vec![(spec.name.clone(), tensor)]),
        terms: Terms { form, ..Terms::default() },
    })
}

/// The shape of so many bytes: at most one axis is left to be told by them.
fn shape_of(spec: &TensorSpec, bytes: usize) -> Option<Vec<usize>> {
    let size = spec.dtype.size();
    shape_of_elements(spec, bytes / size).filter(|_| bytes.is_multiple_of(size))
}

#[cfg(test)]
mod tests {
    use runner_core::DType;

    use super::*;
    use crate::protocol::testing::{fixed, spec, symbol};

    #[test]
    fn one_axis_is_told_by_the_length() {
        let batch = spec("x", DType::F32, vec![symbol("n"), fixed(3), fixed(2)]);
        assert_eq!(shape_of(&batch, 48), Some(vec![2, 3, 2]));
        for bytes in [0, 1, 20, 47, 49] {
            let shape = shape_of(&batch, bytes);
            assert!(shape.is_none() || shape == Some(vec![0, 3, 2]), "{bytes}: {shape:?}");
        }
        let whole = spec("x", DType::U8, vec![fixed(2), fixed(2)]);
        assert_eq!(shape_of(&whole, 4), Some(vec![2, 2]));
        assert_eq!(shape_of(&whole, 5), None);
        let two = spec("x", DType::U8, vec![symbol("n"), symbol("m")]);
        assert_eq!(shape_of(&two, 4), None);
        let none = spec("x", DType::U8, vec![symbol("n"), fixed(0)]);
        assert_eq!(shape_of(&none, 4), None);
    }
}
