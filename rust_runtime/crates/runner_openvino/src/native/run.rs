use std::{
    ffi::CStr,
    ptr::{self, NonNull},
    slice,
};

use openvino_sys as sys;

use super::{address, borrowed_shape, copied_text, done, filled, property};

/// A model that is ready to run.
pub(crate) struct CompiledModel(NonNull<sys::ov_compiled_model_t>);

// SAFETY: the handle is bound to no thread. It is not `Sync`: the pool uses it under its lock.
unsafe impl Send for CompiledModel {}

impl Drop for CompiledModel {
    fn drop(&mut self) {
        // SAFETY: it owns the handle; requests hold the engine's model by themselves.
        unsafe { sys::ov_compiled_model_free(self.0.as_ptr()) }
    }
}

impl CompiledModel {
    pub(super) fn new(handle: NonNull<sys::ov_compiled_model_t>) -> Self {
        Self(handle)
    }

    /// The number that the engine really uses for a setting.
    pub(crate) fn number(&self, key: &CStr) -> Result<usize, String> {
        let text = property(self.0, key)?;
        text.parse().map_err(|_| format!("OpenVINO's {} is {text:?}", key.to_string_lossy()))
    }

    /// A place for one run at a time.
    pub(crate) fn request(&self) -> Result<Request, String> {
        let mut handle = ptr::null_mut();
        // SAFETY: the model is alive.
        done(unsafe {
            sys::ov_compiled_model_create_infer_request(self.0.as_ptr(), &raw mut handle)
        })?;
        Ok(Request(filled(handle)?))
    }
}

/// What a node of a compiled model takes, on average over all runs of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counter {
    pub(crate) name: String,
    /// What the node computes.
    pub(crate) operator: String,
    /// What computes it.
    pub(crate) kernel: String,
    /// Microseconds, cut to whole ones.
    pub(crate) average_us: i64,
}

/// Inputs, outputs and working memory of one run at a time.
pub(crate) struct Request(NonNull<sys::ov_infer_request_t>);

// SAFETY: the handle is bound to no thread; requests of one model may run at the same time, and
// `&mut self` keeps one request to one thread.
unsafe impl Send for Request {}

impl Drop for Request {
    fn drop(&mut self) {
        // SAFETY: it owns the handle.
        unsafe { sys::ov_infer_request_free(self.0.as_ptr()) }
    }
}

impl Request {
    /// Sets an input. The tensor's memory must live until the run is over; a run after that one
    /// must set every input anew.
    pub(crate) fn set_input(&mut self, index: usize, tensor: &Tensor) -> Result<(), String> {
        // SAFETY: request and tensor are alive; the request keeps the tensor, not its memory,
        // which only a run touches.
        done(unsafe {
            sys::ov_infer_request_set_input_tensor_by_index(
                self.0.as_ptr(),
                index,
                tensor.0.as_ptr(),
            )
        })
    }

    /// Runs the model.
    pub(crate) fn infer(&mut self) -> Result<(), String> {
        // SAFETY: the request is alive and in no other thread.
        done(unsafe { sys::ov_infer_request_infer(self.0.as_ptr()) })
    }

    /// The counters of every node, of a model that was compiled to have them.
    pub(crate) fn counters(&self) -> Result<Vec<Counter>, String> {
        let mut list = sys::ov_profiling_info_list_t { profiling_infos: ptr::null_mut(), size: 0 };
        // SAFETY: the request is alive.
        done(unsafe { sys::ov_infer_request_get_profiling_info(self.0.as_ptr(), &raw mut list) })?;
        let counters = (0..list.size).map(|index| {
            // SAFETY: the library filled as many entries as it says, with texts that are copied
            // before they are freed. No reference is made to an entry: its status may be one that
            // the bindings lack.
            unsafe {
                let entry = list.profiling_infos.add(index);
                Counter {
                    name: copied_text((*entry).node_name),
                    operator: copied_text((*entry).node_type),
                    kernel: copied_text((*entry).exec_type),
                    average_us: (*entry).real_time,
                }
            }
        });
        let counters = counters.collect();
        // SAFETY: the list is the library's, and freed once.
        unsafe { sys::ov_profiling_info_list_free(&raw mut list) };
        Ok(counters)
    }

    /// An output of the last run, valid until the next.
    pub(crate) fn output(&self, index: usize) -> Result<Tensor, String> {
        let mut handle = ptr::null_mut();
        // SAFETY: the request is alive.
        done(unsafe {
            sys::ov_infer_request_get_output_tensor_by_index(
                self.0.as_ptr(),
                index,
                &raw mut handle,
            )
        })?;
        Ok(Tensor(filled(handle)?))
    }
}

/// A tensor of the engine, over its own memory or ours.
pub(crate) struct Tensor(NonNull<sys::ov_tensor_t>);

impl Drop for Tensor {
    fn drop(&mut self) {
        // SAFETY: it owns the handle.
        unsafe { sys::ov_tensor_free(self.0.as_ptr()) }
    }
}

impl Tensor {
    /// A tensor over memory of the caller.
    ///
    /// # Safety
    /// `data` points to as many elements as `shape` has, of the element type, row-major, and they
    /// stay in place as long as a run may read them.
    pub(crate) unsafe fn over<T>(
        element: sys::ov_element_type_e,
        shape: &[usize],
        data: *const T,
    ) -> Result<Self, String> {
        let mut dims = Vec::with_capacity(shape.len());
        for &length in shape {
            dims.push(i64::try_from(length).map_err(|_| format!("length {length} is too large"))?);
        }
        let mut handle = ptr::null_mut();
        let shape = borrowed_shape(&mut dims);
        // SAFETY: the shape lives through the call; the memory is the caller's promise.
        done(unsafe {
            sys::ov_tensor_create_from_host_ptr(element, shape, address(data), &raw mut handle)
        })?;
        Ok(Self(filled(handle)?))
    }

    /// Element type, as OpenVINO numbers it.
    pub(crate) fn element(&self) -> Result<u32, String> {
        let mut element = 0_u32;
        // SAFETY: read as a number, since a newer library may know types that the enumeration of
        // the bindings lacks.
        done(unsafe {
            sys::ov_tensor_get_element_type(self.0.as_ptr(), (&raw mut element).cast())
        })?;
        Ok(element)
    }

    /// The length of every axis.
    pub(crate) fn shape(&self) -> Result<Vec<usize>, String> {
        let mut shape = sys::ov_shape_t { rank: 0, dims: ptr::null_mut() };
        // SAFETY: the library fills the shape; it is copied before it is freed.
        unsafe {
            let status = sys::ov_tensor_get_shape(self.0.as_ptr(), &raw mut shape);
            // The arguments are valid, so this says that the C interface has no shape of a scalar.
            if status == sys::ov_status_e::INVALID_C_PARAM {
                return Ok(Vec::new());
            }
            done(status)?;
            let rank = if shape.dims.is_null() { 0 } else { shape.rank };
            let rank = usize::try_from(rank).unwrap_or(0);
            let lengths = if rank == 0 { &[] } else { slice::from_raw_parts(shape.dims, rank) };
            let lengths = lengths.iter().map(|&length| usize::try_from(length).unwrap_or(0));
            let lengths = lengths.collect();
            done(sys::ov_shape_free(&raw mut shape))?;
            Ok(lengths)
        }
    }

    /// A copy of the elements.
    ///
    /// # Safety
    /// The element type is `T`, or has its size and only values of `T`.
    pub(crate) unsafe fn to_vec<T: Copy>(&self, elements: usize) -> Result<Vec<T>, String> {
        let (mut bytes, mut data) = (0, ptr::null_mut());
        // SAFETY: the tensor is alive.
        done(unsafe { sys::ov_tensor_get_byte_size(self.0.as_ptr(), &raw mut bytes) })?;
        if elements.checked_mul(size_of::<T>()) != Some(bytes) {
            return Err(format!("OpenVINO gave {bytes} bytes for {elements} elements"));
        }
        if elements == 0 {
            return Ok(Vec::new());
        }
        // SAFETY: the tensor is alive.
        done(unsafe { sys::ov_tensor_data(self.0.as_ptr(), &raw mut data) })?;
        let data = filled(data)?.cast::<T>();
        // SAFETY: the tensor has as many elements, in one piece and aligned for them.
        Ok(unsafe { slice::from_raw_parts(data.as_ptr(), elements) }.to_vec())
    }
}
