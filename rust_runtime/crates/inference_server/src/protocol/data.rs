use runner_core::{
    DType, Tensor,
    ndarray::{ArrayD, IxDyn},
};

use super::{
    Result,
    json::{Element, Kind, Reader},
    shape::elements,
};
use crate::ServerError;

/// Takes the values of a tensor of this type and shape, flat or nested as the shape is.
pub(super) fn read(reader: &mut Reader<'_>, dtype: DType, shape: &[usize]) -> Result<Tensor> {
    match dtype {
        DType::F32 => array::<f32>(reader, shape).map(Tensor::F32),
        DType::F64 => array::<f64>(reader, shape).map(Tensor::F64),
        DType::I8 => array::<i8>(reader, shape).map(Tensor::I8),
        DType::U8 => array::<u8>(reader, shape).map(Tensor::U8),
        DType::I32 => array::<i32>(reader, shape).map(Tensor::I32),
        DType::I64 => array::<i64>(reader, shape).map(Tensor::I64),
        DType::Bool => array::<bool>(reader, shape).map(Tensor::Bool),
        DType::F16 => Err(ServerError::bad_input("FP16 comes as binary data only, not in JSON")),
    }
}

/// The array of these values; the caller has counted them.
pub(super) fn shaped<T>(shape: &[usize], values: Vec<T>) -> Result<ArrayD<T>> {
    ArrayD::from_shape_vec(IxDyn(shape), values)
        .map_err(|error| ServerError::fault(format!("values do not fill {shape:?}: {error}")))
}

fn array<T: Element>(reader: &mut Reader<'_>, shape: &[usize]) -> Result<ArrayD<T>> {
    let count = elements(shape)
        .ok_or_else(|| ServerError::bad_input(format!("the shape {shape:?} is too large")))?;
    let mut values = Vec::with_capacity(count.min(reader.most_values()));
    if reader.kind() != Kind::Array && shape.is_empty() {
        values.push(T::read(reader)?);
    } else if reader.nests() {
        nested(reader, shape, &mut values)?;
    } else {
        flat(reader, count, &mut values)?;
    }
    if values.len() == count {
        return shaped(shape, values);
    }
    let message = format!("expected {count} values for {shape:?}, got {}", values.len());
    Err(ServerError::bad_input(message))
}

fn flat<T: Element>(reader: &mut Reader<'_>, count: usize, values: &mut Vec<T>) -> Result<()> {
    reader.array(|reader| {
        if values.len() == count {
            return Err(ServerError::bad_input(format!("expected {count} values, got more")));
        }
        values.push(T::read(reader)?);
        Ok(())
    })
}

fn nested<T: Element>(reader: &mut Reader<'_>, shape: &[usize], values: &mut Vec<T>) -> Result<()> {
    let Some((length, inner)) = shape.split_first() else {
        values.push(T::read(reader)?);
        return Ok(());
    };
    let mut items = 0;
    reader.array(|reader| {
        if items == *length {
            let message = format!("the nested data has more items than the {length} of the shape");
            return Err(ServerError::bad_input(message));
        }
        items += 1;
        nested(reader, inner, values)
    })?;
    if items == *length {
        return Ok(());
    }
    let message = format!("the nested data has {items} items where the shape has {length}");
    Err(ServerError::bad_input(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(text: &str, dtype: DType, shape: &[usize]) -> Result<Tensor> {
        let mut reader = Reader::new(text.as_bytes(), 100)?;
        let tensor = read(&mut reader, dtype, shape)?;
        reader.end()?;
        Ok(tensor)
    }

    #[test]
    fn flat_and_nested_data_are_the_same_tensor() {
        let expected = shaped(&[2, 1, 3], vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        for text in ["[1,2,3,4,5,6]", "[[[1,2,3]],[[4,5,6]]]", " [ [ [1 ,2,3.0]] , [[4,5,6e0]]]"] {
            let read = tensor(text, DType::F32, &[2, 1, 3]).unwrap();
            assert_eq!(read, Tensor::F32(expected.clone()), "{text}");
        }
    }

    #[test]
    fn a_scalar_is_a_value_or_an_array_of_one() {
        for text in ["7", "[7]"] {
            assert_eq!(tensor(text, DType::I64, &[]).unwrap().len(), 1, "{text}");
        }
        for text in ["[[7]]", "[]", "[7,8]", "\"7\""] {
            assert!(tensor(text, DType::I64, &[]).is_err(), "{text}");
        }
    }

    #[test]
    fn data_unlike_the_shape_is_refused() {
        let texts = [
            "[]",
            "[1]",
            "[1,2,3,4,5]",
            "[[1,2],[3]]",
            "[[1,2],[3,4],[5,6]]",
            "[[1,2,3,4]]",
            "[[[1],[2]],[[3],[4]]]",
            "[[1,2],3,4]",
            "[1,2,[3,4]]",
            "[1,[2],3,4]",
            "[[],[]]",
            "4",
            "null",
            "\"1234\"",
            "{\"0\":1}",
            "[1,2,3,null]",
            "[1,2,3,\"4\"]",
        ];
        for text in texts {
            assert!(tensor(text, DType::F32, &[2, 2]).is_err(), "{text}");
        }
        let error = tensor("[1,2,3]", DType::F32, &[2, 2]).unwrap_err();
        assert!(error.message().contains("expected 4 values for [2, 2], got 3"), "{error}");
    }

    #[test]
    fn nesting_is_held_against_every_axis() {
        assert!(tensor("[[],[]]", DType::F32, &[2, 0]).is_ok());
        for text in ["[[]]", "[[],[],[]]", "[[1],[]]"] {
            assert!(tensor(text, DType::F32, &[2, 0]).is_err(), "{text}");
        }
    }

    #[test]
    fn memory_is_taken_for_what_the_text_can_hold() {
        let error = tensor("[1]", DType::F64, &[1 << 40]).unwrap_err();
        assert!(error.message().contains("got 1"), "{error}");
    }

    #[test]
    fn every_type_but_half_precision_is_read() {
        for dtype in DType::ALL {
            let text = if dtype == DType::Bool { "[true,false]" } else { "[1,0]" };
            let read = tensor(text, dtype, &[2]);
            assert_eq!(read.is_ok(), dtype != DType::F16, "{dtype}");
            assert!(read.is_err() || read.unwrap().dtype() == dtype);
        }
    }
}
