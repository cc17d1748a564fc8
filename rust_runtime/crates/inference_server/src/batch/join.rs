//! Tensors put together along axis 0, and taken apart again.

use runner_core::{
    DType, Tensor, f16,
    ndarray::{ArrayD, Axis, IxDyn, Slice},
};

/// An element type of tensors.
trait Element: Copy {
    fn array(tensor: &Tensor) -> Option<&ArrayD<Self>>;
}

macro_rules! elements {
    ($($variant:ident($element:ty)),* $(,)?) => {
        $(impl Element for $element {
            fn array(tensor: &Tensor) -> Option<&ArrayD<Self>> {
                match tensor {
                    Tensor::$variant(array) => Some(array),
                    _ => None,
                }
            }
        })*
    };
}

elements!(F32(f32), F16(f16), F64(f64), I8(i8), U8(u8), I32(i32), I64(i64), Bool(bool));

/// The tensors one after the other along axis 0. `None` where there are none, or where they differ
/// in element type or in any other axis.
pub(crate) fn concatenate<'a>(tensors: impl Iterator<Item = &'a Tensor> + Clone) -> Option<Tensor> {
    match tensors.clone().next()?.dtype() {
        DType::F32 => joined::<f32>(tensors),
        DType::F16 => joined::<f16>(tensors),
        DType::F64 => joined::<f64>(tensors),
        DType::I8 => joined::<i8>(tensors),
        DType::U8 => joined::<u8>(tensors),
        DType::I32 => joined::<i32>(tensors),
        DType::I64 => joined::<i64>(tensors),
        DType::Bool => joined::<bool>(tensors),
    }
}

fn joined<'a, T: Element + 'a>(tensors: impl Iterator<Item = &'a Tensor> + Clone) -> Option<Tensor>
where
    Tensor: From<ArrayD<T>>,
{
    let mut shape = tensors.clone().next()?.shape().to_vec();
    let (first, others) = shape.split_first_mut()?;
    *first = 0;
    let mut length = 0;
    for tensor in tensors.clone() {
        let (rows, rest) = tensor.shape().split_first()?;
        if rest != others {
            return None;
        }
        *first += rows;
        length += tensor.len();
    }
    let mut values = Vec::with_capacity(length);
    for tensor in tensors {
        let array = T::array(tensor)?;
        match array.as_slice() {
            Some(slice) => values.extend_from_slice(slice),
            None => values.extend(array.iter().copied()),
        }
    }
    ArrayD::from_shape_vec(IxDyn(&shape), values).ok().map(Tensor::from)
}

/// Length of axis 0.
pub(crate) fn rows(tensor: &Tensor) -> Option<usize> {
    tensor.shape().first().copied()
}

/// A copy of `rows` of axis 0 from `start` on, which the tensor must have.
pub(crate) fn part(tensor: &Tensor, start: usize, rows: usize) -> Tensor {
    fn copied<T: Clone>(array: &ArrayD<T>, range: Slice) -> Tensor
    where
        Tensor: From<ArrayD<T>>,
    {
        array.slice_axis(Axis(0), range).to_owned().into()
    }
    let range = Slice::from(start..start + rows);
    match tensor {
        Tensor::F32(array) => copied(array, range),
        Tensor::F16(array) => copied(array, range),
        Tensor::F64(array) => copied(array, range),
        Tensor::I8(array) => copied(array, range),
        Tensor::U8(array) => copied(array, range),
        Tensor::I32(array) => copied(array, range),
        Tensor::I64(array) => copied(array, range),
        Tensor::Bool(array) => copied(array, range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted<T: From<u8>>(shape: &[usize], from: u8) -> Tensor
    where
        Tensor: From<ArrayD<T>>,
    {
        let mut next = from;
        let array = ArrayD::from_shape_simple_fn(IxDyn(shape), || {
            next += 1;
            T::from(next)
        });
        array.into()
    }

    #[test]
    fn what_is_put_together_comes_apart_as_it_was() {
        for (first, second) in [
            (counted::<f32>(&[2, 3], 0), counted::<f32>(&[1, 3], 6)),
            (counted::<i64>(&[1, 2, 2], 0), counted::<i64>(&[3, 2, 2], 4)),
            (counted::<u8>(&[4], 0), counted::<u8>(&[1], 4)),
            (counted::<f32>(&[1, 0], 0), counted::<f32>(&[2, 0], 0)),
        ] {
            let joined = concatenate([&first, &second].into_iter()).unwrap();
            let rows_of_first = rows(&first).unwrap();
            assert_eq!(rows(&joined), Some(rows_of_first + rows(&second).unwrap()));
            assert_eq!(part(&joined, 0, rows_of_first), first);
            assert_eq!(part(&joined, rows_of_first, rows(&second).unwrap()), second);
        }
    }

    #[test]
    fn columns_first_is_joined_by_its_indices() {
        let Tensor::F32(array) = counted::<f32>(&[2, 3], 0) else { unreachable!() };
        let turned = Tensor::from(array.t().to_owned().into_dyn());
        let plain = Tensor::from(array.t().as_standard_layout().into_owned().into_dyn());
        assert_eq!(concatenate([&turned].into_iter()), Some(plain));
    }

    #[test]
    fn what_does_not_fit_together_is_not_joined() {
        let base = counted::<f32>(&[1, 3], 0);
        for other in
            [counted::<f32>(&[1, 4], 0), counted::<i64>(&[1, 3], 0), counted::<f32>(&[], 0)]
        {
            assert_eq!(concatenate([&base, &other].into_iter()), None);
        }
        assert_eq!(concatenate(std::iter::empty()), None);
    }
}
