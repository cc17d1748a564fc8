//! TorchScript modules through `torch_sys`.
//!
//! `tch` has the same calls, but it does not free the arguments of a run that fails, which a server
//! would feel; and it copies a model once more to load it from memory.

use std::{
    ffi::{CStr, CString, c_int},
    ptr::NonNull,
};

use tch::Device;
use torch_sys::{C_tensor, CIValue, CModule_};

/// LibTorch's message about the call that failed.
pub(crate) type Message = String;

/// A module as LibTorch holds it.
pub(crate) struct Script(NonNull<CModule_>);

// SAFETY: LibTorch's interpreter may run one module from many threads at once; each run has a
// state of its own, and compiling the graph is behind LibTorch's lock.
unsafe impl Send for Script {}
// SAFETY: as above.
unsafe impl Sync for Script {}

impl Drop for Script {
    fn drop(&mut self) {
        // SAFETY: the pointer is owned and not used after.
        unsafe { torch_sys::atm_free(self.0.as_ptr()) }
    }
}

impl Script {
    /// Loads a file.
    ///
    /// # Errors
    /// LibTorch's message.
    pub(crate) fn from_file(path: &str, device: Device) -> Result<Self, Message> {
        let path = CString::new(path).map_err(|error| error.to_string())?;
        // SAFETY: the path ends in NUL and outlives the call.
        Self::owned(unsafe { torch_sys::atm_load_on_device(path.as_ptr(), number(device)) })
    }

    /// Loads a file's content.
    ///
    /// # Errors
    /// LibTorch's message.
    pub(crate) fn from_bytes(bytes: &[u8], device: Device) -> Result<Self, Message> {
        // SAFETY: the call copies the bytes, whose number is given.
        Self::owned(unsafe {
            torch_sys::atm_load_str_on_device(bytes.as_ptr().cast(), bytes.len(), number(device))
        })
    }

    fn owned(module: *mut CModule_) -> Result<Self, Message> {
        let script = Self(not_null(module)?);
        // SAFETY: the module is whole.
        unsafe { torch_sys::atm_eval(script.0.as_ptr()) };
        told().map_or(Ok(script), Err)
    }

    /// Runs `forward`; gives its tensor, or those of its tuple or list, wherever they lie.
    ///
    /// # Errors
    /// LibTorch's message, or what came back in place of tensors.
    pub(crate) fn forward(&self, inputs: &[tch::Tensor]) -> Result<Vec<tch::Tensor>, Message> {
        let values: Vec<Value> = inputs.iter().map(Value::of).collect::<Result<_, _>>()?;
        let pointers: Vec<*mut CIValue> = values.iter().map(|value| value.0.as_ptr()).collect();
        // SAFETY: module and arguments are whole, and live until the call is over.
        let output = unsafe {
            torch_sys::atm_forward_(self.0.as_ptr(), pointers.as_ptr(), count(pointers.len())?)
        };
        Value(not_null(output)?).tensors()
    }
}

/// What goes into a module and comes out of it.
struct Value(NonNull<CIValue>);

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: the pointer is owned and not used after.
        unsafe { torch_sys::ati_free(self.0.as_ptr()) }
    }
}

impl Value {
    /// Shares the tensor.
    fn of(tensor: &tch::Tensor) -> Result<Self, Message> {
        // SAFETY: the call reads the tensor and takes a share in it.
        let value = unsafe { torch_sys::ati_tensor(tensor.as_ptr().cast_mut()) };
        Ok(Self(not_null(value)?))
    }

    fn tensors(&self) -> Result<Vec<tch::Tensor>, Message> {
        let value = self.0.as_ptr();
        // SAFETY: in all these, the value is whole, and the tag says which getters fit it.
        match self.tag()? {
            TENSOR => Ok(vec![self.tensor()?]),
            TUPLE => {
                let length = length(unsafe { torch_sys::ati_tuple_length(value) })?;
                // SAFETY: there are as many places as the call is told.
                elements(length, |places, n| unsafe {
                    torch_sys::ati_to_tuple(value, places, n);
                })
            }
            LIST => {
                let length = length(unsafe { torch_sys::ati_length(value) })?;
                // SAFETY: as above.
                elements(length, |places, n| unsafe {
                    torch_sys::ati_to_generic_list(value, places, n);
                })
            }
            TENSOR_LIST => {
                let mut places: Vec<*mut C_tensor> =
                    vec![std::ptr::null_mut(); length(unsafe { torch_sys::ati_length(value) })?];
                let number = count(places.len())?;
                unsafe { torch_sys::ati_to_tensor_list(value, places.as_mut_ptr(), number) };
                told().map_or(Ok(()), Err)?;
                // SAFETY: the call gave a tensor of our own in each place.
                Ok(places
                    .into_iter()
                    .map(|place| unsafe { tch::Tensor::from_ptr(place) })
                    .collect())
            }
            tag => Err(format!("the network returned {}, no tensor or tuple of them", word(tag))),
        }
    }

    fn tensor(&self) -> Result<tch::Tensor, Message> {
        // SAFETY: the value is whole; the tensor that comes back is our own.
        let tensor = unsafe { torch_sys::ati_to_tensor(self.0.as_ptr()) };
        let tensor = not_null(tensor)?;
        Ok(unsafe { tch::Tensor::from_ptr(tensor.as_ptr()) })
    }

    fn tag(&self) -> Result<c_int, Message> {
        // SAFETY: the value is whole.
        let tag = unsafe { torch_sys::ati_tag(self.0.as_ptr()) };
        told().map_or(Ok(tag), Err)
    }
}

/// The tensors of a tuple or a list; `read` puts its values into the places.
fn elements(
    length: usize,
    read: impl FnOnce(*mut *mut CIValue, c_int),
) -> Result<Vec<tch::Tensor>, Message> {
    let mut places: Vec<*mut CIValue> = vec![std::ptr::null_mut(); length];
    read(places.as_mut_ptr(), count(length)?);
    told().map_or(Ok(()), Err)?;
    let values: Vec<Value> = places.into_iter().filter_map(NonNull::new).map(Value).collect();
    let tensor = |value: &Value| match value.tag()? {
        TENSOR => value.tensor(),
        tag => Err(format!("the network returned {} among its outputs", word(tag))),
    };
    values.iter().map(tensor).collect()
}

/// The kinds of values, as `torch_sys` numbers them.
const TENSOR: c_int = 1;
const TUPLE: c_int = 5;
const TENSOR_LIST: c_int = 10;
const LIST: c_int = 12;

fn word(tag: c_int) -> &'static str {
    match tag {
        0 => "None",
        TUPLE | 6..=8 | TENSOR_LIST | LIST => "a tuple or list",
        9 => "a string",
        13 => "a dict",
        14 => "an object",
        _ => "a number",
    }
}

/// The processor is -1.
fn number(device: Device) -> c_int {
    match device {
        Device::Cuda(index) => c_int::try_from(index).unwrap_or(c_int::MAX),
        _ => -1,
    }
}

fn count(length: usize) -> Result<c_int, Message> {
    c_int::try_from(length).map_err(|error| error.to_string())
}

fn length(count: c_int) -> Result<usize, Message> {
    told().map_or_else(|| usize::try_from(count).map_err(|error| error.to_string()), Err)
}

fn not_null<T>(pointer: *mut T) -> Result<NonNull<T>, Message> {
    let message = told();
    NonNull::new(pointer).ok_or_else(|| message.unwrap_or_else(|| "no reason given".to_owned()))
}

/// The message of this thread's last call, where it failed.
fn told() -> Option<Message> {
    // SAFETY: the call gives NULL, or text of our own that ends in NUL and that `free` takes back.
    unsafe {
        let text = torch_sys::get_and_reset_last_err();
        if text.is_null() {
            return None;
        }
        let message = CStr::from_ptr(text).to_string_lossy().into_owned();
        libc::free(text.cast());
        Some(message)
    }
}
