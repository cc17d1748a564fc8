use runner_core::{DType, Tensor, TensorSpec};
use tract_onnx::prelude::{DatumType, IntoTensor, TValue};

pub(crate) fn datum_type(dtype: DType) -> DatumType {
    match dtype {
        DType::F32 => DatumType::F32,
        DType::F16 => DatumType::F16,
        DType::F64 => DatumType::F64,
        DType::I8 => DatumType::I8,
        DType::U8 => DatumType::U8,
        DType::I32 => DatumType::I32,
        DType::I64 => DatumType::I64,
        DType::Bool => DatumType::Bool,
    }
}

/// The contract's name of tract's element type; lengths of axes count as i64.
pub(crate) fn dtype_of(datum: DatumType) -> Option<DType> {
    let known = DType::ALL.into_iter().find(|&dtype| datum_type(dtype) == datum.unquantized());
    known.or_else(|| (datum == DatumType::TDim).then_some(DType::I64))
}

pub(crate) fn into_tract(tensor: Tensor) -> TValue {
    let tensor = match tensor {
        Tensor::F32(array) => array.into_tensor(),
        Tensor::F16(array) => array.into_tensor(),
        Tensor::F64(array) => array.into_tensor(),
        Tensor::I8(array) => array.into_tensor(),
        Tensor::U8(array) => array.into_tensor(),
        Tensor::I32(array) => array.into_tensor(),
        Tensor::I64(array) => array.into_tensor(),
        Tensor::Bool(array) => array.into_tensor(),
    };
    tensor.into()
}

/// The output as the element type that the model declares.
pub(crate) fn from_tract(value: &TValue, spec: &TensorSpec) -> Result<Tensor, String> {
    read(value, spec.dtype).map_err(|error| format!("output {:?}: {error}", spec.name))
}

fn read(value: &TValue, dtype: DType) -> Result<Tensor, String> {
    let got = value.datum_type();
    if dtype_of(got) != Some(dtype) {
        return Err(format!("tract gave {got:?}, the model declares {dtype}"));
    }
    let tensor = value.cast_to_dt(datum_type(dtype)).map_err(|error| error.to_string())?;
    let array = match dtype {
        DType::F32 => tensor.to_plain_array_view::<f32>().map(|view| view.to_owned().into()),
        DType::F16 => {
            tensor.to_plain_array_view::<runner_core::f16>().map(|view| view.to_owned().into())
        }
        DType::F64 => tensor.to_plain_array_view::<f64>().map(|view| view.to_owned().into()),
        DType::I8 => tensor.to_plain_array_view::<i8>().map(|view| view.to_owned().into()),
        DType::U8 => tensor.to_plain_array_view::<u8>().map(|view| view.to_owned().into()),
        DType::I32 => tensor.to_plain_array_view::<i32>().map(|view| view.to_owned().into()),
        DType::I64 => tensor.to_plain_array_view::<i64>().map(|view| view.to_owned().into()),
        DType::Bool => tensor.to_plain_array_view::<bool>().map(|view| view.to_owned().into()),
    };
    array.map_err(|error| error.to_string())
}
