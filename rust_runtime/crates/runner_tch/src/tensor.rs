use runner_core::{
    DType, Tensor, TensorSpec, f16,
    ndarray::{ArrayD, IxDyn},
};
use tch::{Device, Kind, TchError, kind::Element};

/// A copy of the tensor that belongs to LibTorch.
///
/// Not a view of our buffer: a module may write into its input, or keep it in an attribute beyond
/// the run.
pub(crate) fn into_torch(tensor: Tensor, device: Device) -> Result<tch::Tensor, TchError> {
    match tensor {
        Tensor::F32(array) => copied(&array, device),
        Tensor::F16(array) => copied(&array, device),
        Tensor::F64(array) => copied(&array, device),
        Tensor::I8(array) => copied(&array, device),
        Tensor::U8(array) => copied(&array, device),
        Tensor::I32(array) => copied(&array, device),
        Tensor::I64(array) => copied(&array, device),
        Tensor::Bool(array) => copied(&array, device),
    }
}

fn copied<T: Element>(array: &ArrayD<T>, device: Device) -> Result<tch::Tensor, TchError> {
    let sizes = sizes(array.shape())?;
    let rows = array.as_standard_layout();
    // SAFETY: `rows` holds all elements, of T's kind, in row-major order; it outlives `view`,
    // which is only read from.
    let view = unsafe {
        tch::Tensor::f_from_blob(rows.as_ptr().cast(), &sizes, &[], T::KIND, Device::Cpu)?
    };
    view.f_to_device_(device, T::KIND, false, true)
}

/// Zeros of a shape, in f32.
///
/// # Errors
/// A shape that LibTorch cannot hold.
pub(crate) fn zeros(shape: &[usize]) -> Result<tch::Tensor, TchError> {
    tch::Tensor::f_zeros(&sizes(shape)?[..], (Kind::Float, Device::Cpu))
}

fn sizes(shape: &[usize]) -> Result<Vec<i64>, TchError> {
    let size = |&length: &usize| {
        i64::try_from(length).map_err(|_| TchError::Shape(format!("{length} is too long")))
    };
    shape.iter().map(size).collect()
}

/// The element type, where the contract has it.
pub(crate) fn dtype(tensor: &tch::Tensor) -> Result<DType, String> {
    match tensor.f_kind().map_err(|error| error.to_string())? {
        Kind::Float => Ok(DType::F32),
        Kind::Half => Ok(DType::F16),
        Kind::Double => Ok(DType::F64),
        Kind::Int8 => Ok(DType::I8),
        Kind::Uint8 => Ok(DType::U8),
        Kind::Int => Ok(DType::I32),
        Kind::Int64 => Ok(DType::I64),
        Kind::Bool => Ok(DType::Bool),
        other => Err(format!("an output is {other:?}, which is no element type of the contract")),
    }
}

/// The output as what the model declares, copied to row-major memory of our own.
pub(crate) fn from_torch(output: &tch::Tensor, spec: &TensorSpec) -> Result<Tensor, String> {
    let (dtype, rank) = (dtype(output)?, output.dim());
    if (dtype, rank) != (spec.dtype, spec.dims.len()) {
        return Err(format!(
            "output {:?} is {dtype} with {rank} axes, the model declares {} {}",
            spec.name,
            spec.dtype,
            spec.dims_text()
        ));
    }
    let tensor = match dtype {
        DType::F32 => read::<f32>(output).map(Tensor::F32),
        DType::F16 => read::<f16>(output).map(Tensor::F16),
        DType::F64 => read::<f64>(output).map(Tensor::F64),
        DType::I8 => read::<i8>(output).map(Tensor::I8),
        DType::U8 => read::<u8>(output).map(Tensor::U8),
        DType::I32 => read::<i32>(output).map(Tensor::I32),
        DType::I64 => read::<i64>(output).map(Tensor::I64),
        DType::Bool => read::<bool>(output).map(Tensor::Bool),
    };
    tensor.map_err(|reason| format!("output {:?}: {reason}", spec.name))
}

fn read<T: Element + Copy>(output: &tch::Tensor) -> Result<ArrayD<T>, String> {
    let shape: Vec<usize> = output.size().iter().map(|&length| length as usize).collect();
    let elements = shape.iter().try_fold(1_usize, |product, &length| product.checked_mul(length));
    let mut values = Vec::new();
    let fits = elements.is_some_and(|elements| values.try_reserve_exact(elements).is_ok());
    let (true, Some(elements)) = (fits, elements) else {
        return Err(format!("there is no memory for {shape:?}"));
    };
    values.resize(elements, T::ZERO);
    // A view of a complex number may be kept with its sign in a flag, which a plain copy misses.
    let plain = output.f_resolve_neg().map_err(|error| error.to_string())?;
    plain.f_copy_data(&mut values, elements).map_err(|error| crate::module::reason(&error))?;
    ArrayD::from_shape_vec(IxDyn(&shape), values).map_err(|error| error.to_string())
}
