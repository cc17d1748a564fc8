use ndarray::{Array, ArrayD, Dimension};
use runner_core::{NamedTensors, Tensor};

use crate::Error;

/// An input of a typed array.
pub fn give<T, D: Dimension>(name: &str, array: Array<T, D>) -> (String, Tensor)
where
    Tensor: From<ArrayD<T>>,
{
    (name.to_owned(), Tensor::from(array.into_dyn()))
}

/// Takes the output of a name out of what a run gave, as an array of its type.
///
/// # Errors
/// [`Error`] of kind `engine_failed` where the engine gave another type or number of axes than the
/// model's file says, or nothing of that name.
pub fn take<T, D: Dimension>(outputs: &mut NamedTensors, name: &str) -> Result<Array<T, D>, Error>
where
    ArrayD<T>: TryFrom<Tensor, Error = Tensor>,
{
    let failed = |what: String| Error::new("engine_failed", format!("output {name:?} {what}"));
    let place = outputs.iter().position(|(own, _)| own == name);
    let place = place.ok_or_else(|| failed("did not come".to_owned()))?;
    let (_, tensor) = outputs.swap_remove(place);
    let array: ArrayD<T> =
        tensor.try_into().map_err(|other: Tensor| failed(format!("is {}", other.dtype())))?;
    let axes = array.ndim();
    array.into_dimensionality().map_err(|_| failed(format!("has {axes} axes")))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, Ix1, Ix2, arr2};

    use super::*;

    #[test]
    fn outputs_are_taken_by_name_and_only_as_what_they_are() {
        let array = arr2(&[[1.0_f32, 2.0]]);
        let mut outputs = vec![give("other", Array1::<i64>::zeros(3)), give("y", array.clone())];
        assert_eq!(take::<f32, Ix2>(&mut outputs.clone(), "y").unwrap(), array);
        for (error, says) in [
            (take::<i64, Ix2>(&mut outputs.clone(), "y").unwrap_err(), "is f32"),
            (take::<f32, Ix1>(&mut outputs.clone(), "y").unwrap_err(), "2 axes"),
            (take::<f32, Ix2>(&mut outputs, "z").unwrap_err(), "did not come"),
        ] {
            assert_eq!(error.kind(), "engine_failed");
            assert!(error.to_string().contains(says), "{error}");
        }
        assert_eq!(take::<i64, Ix1>(&mut outputs, "other").unwrap(), Array1::<i64>::zeros(3));
        assert!(outputs.len() == 1 && Array2::<f32>::try_from(array).is_ok());
    }
}
