use runner_core::{Dim, TensorSpec};

use super::{
    Result,
    json::{Kind, Reader},
};
use crate::ServerError;

/// Elements of a tensor of this shape; `None` where no memory could hold as many.
pub(super) fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |product, length| product.checked_mul(*length))
}

/// Takes a `shape`: an array of at most `most_axes` whole numbers of at least 0.
pub(super) fn read(reader: &mut Reader<'_>, most_axes: usize) -> Result<Vec<usize>> {
    if reader.kind() != Kind::Array {
        return Err(ServerError::bad_input("a shape is an array of whole numbers"));
    }
    let mut shape = Vec::new();
    reader.array(|reader| {
        if shape.len() == most_axes {
            let message = format!("the shape has more than {most_axes} axes");
            return Err(ServerError::bad_input(message));
        }
        let length = reader.count().map_err(|error| {
            ServerError::bad_input(format!("the shape is not valid: {}", error.message()))
        })?;
        let length = usize::try_from(length)
            .map_err(|_| ServerError::bad_input("an axis of the shape is too long"))?;
        shape.push(length);
        Ok(())
    })?;
    Ok(shape)
}

/// The shape of so many elements: at most one axis is left to be told by them.
pub(super) fn shape_of_elements(spec: &TensorSpec, count: usize) -> Option<Vec<usize>> {
    let mut shape: Vec<usize> = spec.dims.iter().map(length).collect();
    let mut symbols = spec.dims.iter().enumerate().filter(|(_, dim)| !is_fixed(dim));
    match (symbols.next(), symbols.next()) {
        (None, _) => {}
        (Some((axis, _)), None) => {
            let others = elements(&shape)?;
            shape[axis] = count.checked_div(others)?;
        }
        _ => return None,
    }
    (elements(&shape)? == count).then_some(shape)
}

fn is_fixed(dim: &Dim) -> bool {
    matches!(dim, Dim::Fixed(_))
}

fn length(dim: &Dim) -> usize {
    match dim {
        Dim::Fixed(length) => *length,
        Dim::Symbol(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Result<Vec<usize>> {
        read(&mut Reader::new(text.as_bytes(), 4)?, 32)
    }

    #[test]
    fn shapes_are_whole_numbers() {
        assert_eq!(shape("[1, 3, 224, 0]").unwrap(), [1, 3, 224, 0]);
        assert_eq!(shape("[]").unwrap(), [0usize; 0]);
        for text in ["[-1]", "[1.0]", "[1e2]", "[\"1\"]", "[[1]]", "3", "null", "{}", "[true]"] {
            assert!(shape(text).is_err(), "{text}");
        }
        assert!(shape("[18446744073709551616]").is_err());
    }

    #[test]
    fn the_number_of_axes_is_bounded() {
        let axes = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        assert_eq!(shape(&axes(32)).unwrap().len(), 32);
        assert!(shape(&axes(64)).unwrap_err().message().contains("32 axes"));
    }

    #[test]
    fn products_are_checked() {
        assert_eq!(elements(&[16, (1 << 60) + 2]), None);
        assert_eq!(elements(&[usize::MAX, 2]), None);
        assert_eq!(elements(&[]), Some(1));
        assert_eq!(elements(&[2, 0, 3]), Some(0));
    }
}
