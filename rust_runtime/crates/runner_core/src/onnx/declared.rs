use super::{
    refusal::{Refusal, corrupt},
    wire::{Fields, Value},
};
use crate::{DType, Dim, info::fits_memory};

/// An input or an output as the file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Name in the graph.
    pub name: String,
    /// Element type, where the file gives one.
    pub dtype: Option<DType>,
    /// Axes, where the file gives their number; those with neither length nor name get a name of
    /// their own.
    pub dims: Option<Vec<Dim>>,
}

pub(super) fn read_declared(bytes: &[u8]) -> Result<Declared, Refusal> {
    let mut declared = Declared { name: String::new(), dtype: None, dims: None };
    let mut tensor = None;
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            1 => declared.name = field.value.text()?,
            2 => tensor = Some(tensor_type(field.value.bytes()?)?),
            _ => {}
        }
    }
    let Some(tensor) = tensor else {
        return Ok(declared);
    };
    let Some(tensor) = tensor else {
        let message = format!("{:?} is a sequence, a map or an optional value", declared.name);
        return Err(Refusal::Unsupported(message));
    };
    for field in Fields::of(tensor) {
        let field = field?;
        match field.number {
            1 => declared.dtype = Some(dtype_of(field.value.number()?, &declared.name)?),
            2 => declared.dims = Some(read_dims(field.value.bytes()?, &declared.name)?),
            _ => {}
        }
    }
    check_size(&declared)?;
    Ok(declared)
}

fn check_size(declared: &Declared) -> Result<(), Refusal> {
    match (declared.dtype, &declared.dims) {
        (Some(dtype), Some(dims)) if !fits_memory(dtype, dims) => {
            let dims: Vec<String> = dims.iter().map(Dim::to_string).collect();
            let (name, dims) = (&declared.name, dims.join(", "));
            corrupt(format!("{name:?} is declared as [{dims}]: larger than any memory"))
        }
        _ => Ok(()),
    }
}

/// The tensor type inside a type, or nothing where the type is another.
fn tensor_type(bytes: &[u8]) -> Result<Option<&[u8]>, Refusal> {
    let mut tensor = None;
    for field in Fields::of(bytes) {
        let field = field?;
        if field.number == 1 {
            tensor = Some(field.value.bytes()?);
        }
    }
    Ok(tensor)
}

fn read_dims(bytes: &[u8], name: &str) -> Result<Vec<Dim>, Refusal> {
    let mut dims = Vec::new();
    for field in Fields::of(bytes) {
        let field = field?;
        if field.number == 1 {
            let unnamed = || Dim::Symbol(format!("{name}_{}", dims.len()));
            let dim = read_dim(field.value)?.unwrap_or_else(unnamed);
            dims.push(dim);
        }
    }
    Ok(dims)
}

fn read_dim(value: Value<'_>) -> Result<Option<Dim>, Refusal> {
    let mut dim = None;
    for field in Fields::of(value.bytes()?) {
        let field = field?;
        match field.number {
            1 => dim = usize::try_from(field.value.number()?).ok().map(Dim::Fixed),
            2 => dim = Some(Dim::Symbol(field.value.text()?)).filter(|dim| dim.shared().is_some()),
            _ => {}
        }
    }
    Ok(dim)
}

fn dtype_of(element: i64, name: &str) -> Result<DType, Refusal> {
    Ok(match element {
        1 => DType::F32,
        2 => DType::U8,
        3 => DType::I8,
        6 => DType::I32,
        7 => DType::I64,
        9 => DType::Bool,
        10 => DType::F16,
        11 => DType::F64,
        _ => {
            let message =
                format!("{name:?} has ONNX element type {element}, which no runner takes");
            return Err(Refusal::Unsupported(message));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        [&[tag, length][..], content].concat()
    }

    #[test]
    fn an_axis_with_neither_length_nor_name_gets_one_of_its_own() {
        let minus_one = [&[0x08][..], &[0xff; 9][..], &[0x01][..]].concat();
        let param = |name: &str| field(0x12, name.as_bytes());
        let axes = [minus_one, param("?"), vec![], param("-1"), param("n"), vec![0x08, 3]];
        let shape: Vec<u8> = axes.iter().flat_map(|axis| field(0x0a, axis)).collect();
        let dims = read_dims(&shape, "x").ok().unwrap();
        let dims: Vec<String> = dims.iter().map(Dim::to_string).collect();
        assert_eq!(dims, ["x_0", "x_1", "x_2", "x_3", "n", "3"]);
    }
}
