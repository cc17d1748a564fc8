use runner_core::{Tensor, TensorSpec};

use super::probe;
use crate::{
    ServerError,
    protocol::{
        Datatype, Result,
        check::{Admitted, Checker},
        data,
        json::{Reader, clip},
        shape,
    },
};

/// A tensor whose values are still to be read.
#[derive(Debug)]
pub(super) struct Item<'a> {
    values: Reader<'a>,
    /// The shape of the nesting.
    nesting: Vec<usize>,
    /// The shape that was given with it.
    pub(super) shape: Option<Vec<usize>>,
}

impl<'a> Item<'a> {
    /// Takes a value, or arrays of values.
    pub(super) fn bare(reader: &mut Reader<'a>, most_axes: usize) -> Result<Self> {
        let values = reader.clone();
        let nesting = probe::shape(reader, most_axes)?;
        Ok(Self { values, nesting, shape: None })
    }

    /// Takes `{"data": values, "shape": […]}`.
    pub(super) fn described(reader: &mut Reader<'a>, most_axes: usize) -> Result<Self> {
        let (mut data, mut given) = (None, None);
        reader.object(|reader, key| {
            match key {
                "data" => data = Some(Self::bare(reader, most_axes)?),
                "shape" => given = Some(shape::read(reader, most_axes)?),
                _ => {
                    let message = format!("unknown member {:?}; there are data, shape", clip(key));
                    return Err(ServerError::bad_input(message));
                }
            }
            Ok(())
        })?;
        let item = data.ok_or_else(|| ServerError::bad_input("the input has no data"))?;
        Ok(Self { shape: given, ..item })
    }

    /// The tensor, of the type that the model has for this input.
    pub(super) fn read(mut self, name: &str, checker: &mut Checker<'_>) -> Result<Tensor> {
        let inputs = &checker.target.info.inputs;
        let spec = inputs.iter().find(|spec| spec.name == name);
        let shape = match (self.shape.take(), spec) {
            (None, Some(spec)) => shape_for(spec, &self.nesting)?,
            (given, _) => given.unwrap_or(self.nesting),
        };
        let datatype = spec.map_or(Datatype::Fp32, |spec| spec.dtype.into());
        match checker.admit(name, datatype, &shape)? {
            Admitted::Tensor { dtype, .. } => data::read(&mut self.values, dtype, &shape),
            Admitted::Pictures(_) => Err(ServerError::fault("a tensor was admitted as pictures")),
        }
    }
}

/// The shape of data that came without one: its nesting, or, for a flat list, the only shape of
/// the model with so many elements.
fn shape_for(spec: &TensorSpec, nesting: &[usize]) -> Result<Vec<usize>> {
    let &[count] = nesting else {
        return Ok(nesting.to_vec());
    };
    if spec.dims.len() == 1 {
        return Ok(nesting.to_vec());
    }
    shape::shape_of_elements(spec, count).ok_or_else(|| {
        let dims = spec.dims_text();
        let message = format!("{count} values do not tell the shape of {dims}; give \"shape\" too");
        ServerError::bad_input(message)
    })
}
