//! ONNX Runtime through its C interface: one session, inputs borrowed, outputs copied once.
//!
//! The C interface and not the `ort` crate's `Session`, because that crate allows one environment
//! in a process, and our runner holds it. ONNX Runtime itself counts the references to its one
//! environment, so the two live side by side.

use std::{
    ffi::{CStr, CString, c_char},
    path::Path,
    ptr,
};

use ::ort::sys::{
    GraphOptimizationLevel, ONNXTensorElementDataType as Element, ONNXType, OrtAllocator,
    OrtAllocatorType, OrtApi, OrtEnv, OrtLoggingLevel, OrtMemType, OrtMemoryInfo, OrtSession,
    OrtStatusPtr, OrtTensorTypeAndShapeInfo, OrtValue,
};
use runner_core::{DType, NamedTensors, Tensor};

use super::{
    BareEngine, given, library,
    memory::{bytes_of, filled, lengths_of},
};

/// The objects of one model; null until they are made.
pub(super) struct Bare {
    api: &'static OrtApi,
    environment: *mut OrtEnv,
    session: *mut OrtSession,
    memory: *mut OrtMemoryInfo,
    inputs: Vec<CString>,
    outputs: Vec<CString>,
}

impl Drop for Bare {
    fn drop(&mut self) {
        // SAFETY: each object is this struct's own and is released once; ONNX Runtime takes null.
        unsafe {
            (self.api.ReleaseMemoryInfo)(self.memory);
            (self.api.ReleaseSession)(self.session);
            (self.api.ReleaseEnv)(self.environment);
        }
    }
}

/// An error of ONNX Runtime as its message.
fn check(api: &OrtApi, status: OrtStatusPtr) -> Result<(), String> {
    if status.0.is_null() {
        return Ok(());
    }
    // SAFETY: the status is not null, its message lives until it is released, which is here.
    unsafe {
        let message = CStr::from_ptr((api.GetErrorMessage)(status.0)).to_string_lossy();
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        (api.ReleaseStatus)(status.0);
        Err(message)
    }
}

impl Bare {
    pub(super) fn load(path: &Path, threads: usize) -> Result<Self, String> {
        // Loads the library, or does nothing where it is loaded; no environment is built.
        drop(::ort::init_from(library("ORT_DYLIB_PATH")?).map_err(|error| error.to_string())?);
        let (environment, session, memory) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let (inputs, outputs) = (Vec::new(), Vec::new());
        let mut bare = Self { api: ::ort::api(), environment, session, memory, inputs, outputs };
        bare.open(path, threads)?;
        bare.inputs = bare.names(bare.api.SessionGetInputCount, bare.api.SessionGetInputName)?;
        bare.outputs = bare.names(bare.api.SessionGetOutputCount, bare.api.SessionGetOutputName)?;
        Ok(bare)
    }

    fn open(&mut self, path: &Path, threads: usize) -> Result<(), String> {
        let api = self.api;
        let path = CString::new(path.to_string_lossy().as_bytes()).map_err(|e| e.to_string())?;
        let threads = i32::try_from(threads).map_err(|error| error.to_string())?;
        let mut options = ptr::null_mut();
        // SAFETY: every pointer is to a live object or to a place for a new one; the options are
        // released once the session is made, which has copied them.
        unsafe {
            let level = OrtLoggingLevel::ORT_LOGGING_LEVEL_ERROR;
            check(api, (api.CreateEnv)(level, c"bare".as_ptr(), &raw mut self.environment))?;
            let (kind, place) =
                (OrtAllocatorType::OrtArenaAllocator, OrtMemType::OrtMemTypeDefault);
            check(api, (api.CreateCpuMemoryInfo)(kind, place, &raw mut self.memory))?;
            check(api, (api.CreateSessionOptions)(&raw mut options))?;
            let all = GraphOptimizationLevel::ORT_ENABLE_ALL;
            let made = check(api, (api.SetIntraOpNumThreads)(options, threads))
                .and_then(|()| check(api, (api.SetInterOpNumThreads)(options, 1)))
                .and_then(|()| check(api, (api.SetSessionGraphOptimizationLevel)(options, all)))
                .and_then(|()| {
                    let session = &raw mut self.session;
                    let environment = self.environment;
                    check(api, (api.CreateSession)(environment, path.as_ptr(), options, session))
                });
            (api.ReleaseSessionOptions)(options);
            made
        }
    }

    /// The names of one side of the session.
    fn names(
        &self,
        count: unsafe extern "system" fn(*const OrtSession, *mut usize) -> OrtStatusPtr,
        name: unsafe extern "system" fn(
            *const OrtSession,
            usize,
            *mut OrtAllocator,
            *mut *mut c_char,
        ) -> OrtStatusPtr,
    ) -> Result<Vec<CString>, String> {
        let (api, mut allocator, mut length) = (self.api, ptr::null_mut(), 0);
        // SAFETY: the session is live; every name is copied before the allocator gets it back.
        unsafe {
            check(api, (api.GetAllocatorWithDefaultOptions)(&raw mut allocator))?;
            check(api, count(self.session, &raw mut length))?;
            (0..length)
                .map(|index| {
                    let mut text = ptr::null_mut();
                    check(api, name(self.session, index, allocator, &raw mut text))?;
                    let owned = CStr::from_ptr(text).to_owned();
                    check(api, (api.AllocatorFree)(allocator, text.cast()))?;
                    Ok(owned)
                })
                .collect()
        }
    }

    fn value(&self, tensor: &Tensor) -> Result<Value, String> {
        let bytes = bytes_of(tensor)?;
        let shape = lengths_of(tensor.shape());
        let (data, element) = (bytes.as_ptr().cast_mut().cast(), element_type(tensor.dtype()));
        let mut value = Value { api: self.api, value: ptr::null_mut() };
        // SAFETY: the data outlives the value, which `run` drops before it returns, and ONNX
        // Runtime does not write to inputs.
        let status = unsafe {
            (self.api.CreateTensorWithDataAsOrtValue)(
                self.memory,
                data,
                bytes.len(),
                shape.as_ptr(),
                shape.len(),
                element,
                &raw mut value.value,
            )
        };
        check(self.api, status).map(|()| value)
    }
}

impl BareEngine for Bare {
    fn run(&self, inputs: &[(String, Tensor)]) -> Result<NamedTensors, String> {
        let value = |name: &CString| self.value(given(inputs, &name.to_string_lossy())?);
        let inputs = self.inputs.iter().map(value).collect::<Result<Vec<_>, _>>()?;
        let given: Vec<*const OrtValue> =
            inputs.iter().map(|input| input.value.cast_const()).collect();
        let pointers = |names: &[CString]| names.iter().map(|n| n.as_ptr()).collect::<Vec<_>>();
        let (input_names, output_names) = (pointers(&self.inputs), pointers(&self.outputs));
        let mut outputs = vec![ptr::null_mut(); self.outputs.len()];
        // SAFETY: names and values are live and as many as stated; the session takes concurrent
        // runs; the outputs are null and so made by ONNX Runtime.
        let status = unsafe {
            (self.api.Run)(
                self.session,
                ptr::null(),
                input_names.as_ptr(),
                given.as_ptr(),
                given.len(),
                output_names.as_ptr(),
                output_names.len(),
                outputs.as_mut_ptr(),
            )
        };
        let outputs: Vec<Value> =
            outputs.into_iter().map(|value| Value { api: self.api, value }).collect();
        check(self.api, status)?;
        let named = self.outputs.iter().zip(&outputs);
        named
            .map(|(name, value)| Ok((name.to_string_lossy().into_owned(), value.read()?)))
            .collect()
    }
}

/// A value of ONNX Runtime's.
struct Value {
    api: &'static OrtApi,
    value: *mut OrtValue,
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: the value is this struct's own and is released once; ONNX Runtime takes null.
        unsafe { (self.api.ReleaseValue)(self.value) }
    }
}

impl Value {
    fn read(&self) -> Result<Tensor, String> {
        let (dtype, shape) = self.describe()?;
        let mut data = ptr::null_mut();
        // SAFETY: the value is a tensor, as `describe` has seen.
        check(self.api, unsafe { (self.api.GetTensorMutableData)(self.value, &raw mut data) })?;
        filled(dtype, &shape, |memory| {
            if !memory.is_empty() {
                // SAFETY: the tensor has as many bytes as its type and shape say, and they live
                // in other memory than the copy.
                unsafe {
                    ptr::copy_nonoverlapping(data.cast(), memory.as_mut_ptr(), memory.len());
                }
            }
            Ok(())
        })
    }

    fn describe(&self) -> Result<(DType, Vec<usize>), String> {
        let (api, mut kind) = (self.api, ONNXType::ONNX_TYPE_UNKNOWN);
        if self.value.is_null() {
            return Err("ONNX Runtime left an output out".to_owned());
        }
        // SAFETY: the value is live.
        check(api, unsafe { (api.GetValueType)(self.value, &raw mut kind) })?;
        if kind != ONNXType::ONNX_TYPE_TENSOR {
            return Err(format!("ONNX Runtime gave {kind:?}"));
        }
        let mut about = ptr::null_mut();
        // SAFETY: the description is live until it is released below, once.
        unsafe {
            check(api, (api.GetTensorTypeAndShape)(self.value, &raw mut about))?;
            let read = read_description(api, about);
            (api.ReleaseTensorTypeAndShapeInfo)(about);
            read
        }
    }
}

/// # Safety
/// `about` is a live description.
unsafe fn read_description(
    api: &OrtApi,
    about: *const OrtTensorTypeAndShapeInfo,
) -> Result<(DType, Vec<usize>), String> {
    let mut element = Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    let mut rank = 0;
    // SAFETY: the description is live, and the axes get as much room as they say they need.
    let dims = unsafe {
        check(api, (api.GetTensorElementType)(about, &raw mut element))?;
        check(api, (api.GetDimensionsCount)(about, &raw mut rank))?;
        let mut dims = vec![0_i64; rank];
        check(api, (api.GetDimensions)(about, dims.as_mut_ptr(), rank))?;
        dims
    };
    let known = DType::ALL.into_iter().find(|&dtype| element_type(dtype) == element);
    let dtype = known.ok_or_else(|| format!("ONNX Runtime gave {element:?}"))?;
    Ok((dtype, dims.into_iter().map(|length| length as usize).collect()))
}

fn element_type(dtype: DType) -> Element {
    match dtype {
        DType::F32 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
        DType::F16 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16,
        DType::F64 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE,
        DType::I8 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8,
        DType::U8 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8,
        DType::I32 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
        DType::I64 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,
        DType::Bool => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL,
    }
}
