//! The parts of OpenVINO's C interface that a runner needs, with owners that free what they hold.
//!
//! Errors are OpenVINO's own words; [`crate::message`] makes them presentable.

use std::{
    ffi::{CStr, CString, c_char, c_void},
    path::Path,
    ptr::{self, NonNull},
};

use openvino_sys as sys;

mod run;

pub(crate) use run::{CompiledModel, Counter, Request, Tensor};

/// `ov_core_compile_model`, whose variable arguments the bindings leave out.
pub(crate) type CompileModel = unsafe extern "C" fn(
    *const sys::ov_core_t,
    *const sys::ov_model_t,
    *const c_char,
    usize,
    *mut *mut sys::ov_compiled_model_t,
    ...
) -> sys::ov_status_e;

/// `ov_core_set_property`, whose variable arguments the bindings leave out.
pub(crate) type SetProperty =
    unsafe extern "C" fn(*const sys::ov_core_t, *const c_char, ...) -> sys::ov_status_e;

/// As many properties as one compilation takes.
const MOST_PROPERTIES: usize = 7;

/// A setting of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Property {
    key: CString,
    value: CString,
}

impl Property {
    /// A setting; its texts end at their first NUL character, if they have one.
    pub(crate) fn new(key: &str, value: &str) -> Self {
        Self { key: c_text(key), value: c_text(value) }
    }
}

fn c_text(text: &str) -> CString {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}

/// The outcome of a call as a result.
fn done(status: sys::ov_status_e) -> Result<(), String> {
    match status {
        sys::ov_status_e::OK => Ok(()),
        // These come without a message: the last one belongs to an earlier failure.
        sys::ov_status_e::INVALID_C_PARAM | sys::ov_status_e::NOT_IMPLEMENT_C_METHOD => {
            Err(format!("OpenVINO says {status:?}"))
        }
        // SAFETY: the function takes no argument and gives a string that this call owns, or null.
        _ => match owned_text(unsafe { sys::ov_get_last_err_msg() }) {
            Some(message) => Err(message),
            None => Err(format!("OpenVINO says {status:?}")),
        },
    }
}

/// Takes over a string of the library. `text` is null or a string that nobody else frees.
fn owned_text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the callers pass strings that the library made for them, NUL at the end, and that
    // `ov_free` frees.
    unsafe {
        let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
        sys::ov_free(text);
        Some(copy)
    }
}

/// Copies a string that stays the library's; nothing where there is none.
///
/// # Safety
/// `text` is null or ends in NUL.
unsafe fn copied_text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Makes an owner of a pointer that a successful call has filled.
fn filled<T>(pointer: *mut T) -> Result<NonNull<T>, String> {
    NonNull::new(pointer).ok_or_else(|| "OpenVINO gave nothing".to_owned())
}

/// The engine's root. OpenVINO documents `ov::Core` as safe to use from several threads.
pub(crate) struct Core {
    handle: NonNull<sys::ov_core_t>,
    compile: CompileModel,
}

// SAFETY: the functions called with it are safe to call from any thread, as documented.
unsafe impl Send for Core {}
// SAFETY: as above, at the same time too.
unsafe impl Sync for Core {}

impl Core {
    /// Starts the engine and loads its CPU plugin.
    pub(crate) fn new(compile: CompileModel, set_property: SetProperty) -> Result<Self, String> {
        let mut handle = ptr::null_mut();
        // SAFETY: the place for the handle is valid; so in every call below.
        done(unsafe { sys::ov_core_create(&raw mut handle) })?;
        let core = Self { handle: filled(handle)?, compile };
        // A file that shrinks while it is mapped would kill the process.
        let mapping = Property::new("ENABLE_MMAP", "NO");
        // SAFETY: the function takes one key and one value here; a null device means all.
        done(unsafe {
            set_property(core.pointer(), ptr::null(), mapping.key.as_ptr(), mapping.value.as_ptr())
        })?;
        let mut versions = sys::ov_core_version_list_t { versions: ptr::null_mut(), size: 0 };
        // SAFETY: the list is freed by the library, once.
        done(unsafe {
            let status = sys::ov_core_get_versions_by_device_name(
                core.pointer(),
                c"CPU".as_ptr(),
                &raw mut versions,
            );
            sys::ov_core_versions_free(&raw mut versions);
            status
        })?;
        Ok(core)
    }

    fn pointer(&self) -> *const sys::ov_core_t {
        self.handle.as_ptr()
    }
}

/// A model that is read but not compiled.
pub(crate) struct Model(NonNull<sys::ov_model_t>);

// SAFETY: the handle is bound to no thread. It is not `Sync`.
unsafe impl Send for Model {}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: it owns the handle.
        unsafe { sys::ov_model_free(self.0.as_ptr()) }
    }
}

/// The lengths that an axis may have; no upper end where `max` is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lengths {
    pub(crate) min: i64,
    pub(crate) max: i64,
}

/// An input or an output of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    /// One of its names, where it has any.
    pub(crate) name: Option<String>,
    /// Element type, as OpenVINO numbers it.
    pub(crate) element: u32,
    /// Its axes, where their number is known.
    pub(crate) dims: Option<Vec<Lengths>>,
}

/// Which side of a model a port is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Input,
    Output,
}

impl Model {
    /// Reads an ONNX file's content.
    pub(crate) fn from_bytes(core: &Core, bytes: &[u8]) -> Result<Self, String> {
        let mut handle = ptr::null_mut();
        // SAFETY: the buffer is valid for its length and only read during the call.
        done(unsafe {
            sys::ov_core_read_model_from_memory_buffer(
                core.pointer(),
                bytes.as_ptr().cast(),
                bytes.len(),
                ptr::null(),
                &raw mut handle,
            )
        })?;
        Ok(Self(filled(handle)?))
    }

    /// Reads an ONNX file and the files beside it that hold its weights.
    pub(crate) fn from_path(core: &Core, path: &Path) -> Result<Self, String> {
        let path = CString::new(path.as_os_str().as_encoded_bytes())
            .map_err(|_| "the path contains a NUL character".to_owned())?;
        let mut handle = ptr::null_mut();
        // SAFETY: the path ends in NUL; a null second path means that there is none.
        done(unsafe {
            sys::ov_core_read_model(core.pointer(), path.as_ptr(), ptr::null(), &raw mut handle)
        })?;
        Ok(Self(filled(handle)?))
    }

    /// The ports of one side, in the model's order.
    pub(crate) fn ports(&self, side: Side) -> Result<Vec<Port>, String> {
        let mut count = 0;
        let model = self.0.as_ptr();
        // SAFETY: the handle is alive; so in every call of this module.
        done(unsafe {
            match side {
                Side::Input => sys::ov_model_inputs_size(model, &raw mut count),
                Side::Output => sys::ov_model_outputs_size(model, &raw mut count),
            }
        })?;
        (0..count).map(|index| self.port(side, index)).collect()
    }

    /// Whether an input has this name, among others perhaps. Inputs that nothing uses are gone.
    pub(crate) fn has_input(&self, name: &str) -> bool {
        let mut handle = ptr::null_mut();
        let name = c_text(name);
        // SAFETY: as in `ports`; a handle that was given belongs to this call.
        unsafe {
            let status =
                sys::ov_model_const_input_by_name(self.0.as_ptr(), name.as_ptr(), &raw mut handle);
            sys::ov_output_const_port_free(handle);
            status == sys::ov_status_e::OK
        }
    }

    fn port(&self, side: Side, index: usize) -> Result<Port, String> {
        let mut handle = ptr::null_mut();
        let model = self.0.as_ptr();
        // SAFETY: as in `ports`.
        done(unsafe {
            match side {
                Side::Input => sys::ov_model_const_input_by_index(model, index, &raw mut handle),
                Side::Output => sys::ov_model_const_output_by_index(model, index, &raw mut handle),
            }
        })?;
        let handle = filled(handle)?;
        let port = read_port(handle.as_ptr());
        // SAFETY: the handle belongs to this call.
        unsafe { sys::ov_output_const_port_free(handle.as_ptr()) };
        port
    }

    /// Gives inputs, by index, other axes.
    pub(crate) fn reshape(&mut self, inputs: &[(usize, Vec<Lengths>)]) -> Result<(), String> {
        let indices: Vec<usize> = inputs.iter().map(|(index, _)| *index).collect();
        let mut dims: Vec<Vec<sys::ov_dimension_t>> = inputs
            .iter()
            .map(|(_, dims)| {
                dims.iter().map(|dim| sys::ov_dimension_t { min: dim.min, max: dim.max }).collect()
            })
            .collect();
        let shapes: Vec<sys::ov_partial_shape_t> = dims
            .iter_mut()
            .map(|dims| {
                let rank = i64::try_from(dims.len()).unwrap_or(i64::MAX);
                let rank = sys::ov_dimension_t { min: rank, max: rank };
                sys::ov_partial_shape_t { rank, dims: dims.as_mut_ptr() }
            })
            .collect();
        // SAFETY: both lists have the length given; the shapes' axes outlive the call.
        done(unsafe {
            sys::ov_model_reshape_by_port_indexes(
                self.0.as_ptr(),
                indices.as_ptr(),
                shapes.as_ptr(),
                inputs.len(),
            )
        })
    }

    /// Compiles the model for the CPU.
    pub(crate) fn compile(
        &self,
        core: &Core,
        properties: &[Property],
    ) -> Result<CompiledModel, String> {
        let mut texts = [ptr::null::<c_char>(); 2 * MOST_PROPERTIES];
        for (pair, property) in texts.chunks_exact_mut(2).zip(properties) {
            pair[0] = property.key.as_ptr();
            pair[1] = property.value.as_ptr();
        }
        let count = 2 * properties.len().min(MOST_PROPERTIES);
        let [k1, v1, k2, v2, k3, v3, k4, v4, k5, v5, k6, v6, k7, v7] = texts;
        let mut handle = ptr::null_mut();
        // SAFETY: the function reads `count` of the texts that follow, each alive and with a NUL.
        done(unsafe {
            (core.compile)(
                core.pointer(),
                self.0.as_ptr(),
                c"CPU".as_ptr(),
                count,
                &raw mut handle,
                k1,
                v1,
                k2,
                v2,
                k3,
                v3,
                k4,
                v4,
                k5,
                v5,
                k6,
                v6,
                k7,
                v7,
            )
        })?;
        Ok(CompiledModel::new(filled(handle)?))
    }
}

fn read_port(port: *const sys::ov_output_const_port_t) -> Result<Port, String> {
    let mut name: *mut c_char = ptr::null_mut();
    let mut element = 0_u32;
    let mut shape = sys::ov_partial_shape_t {
        rank: sys::ov_dimension_t { min: 0, max: -1 },
        dims: ptr::null_mut(),
    };
    // SAFETY: the port is alive. The element type is read as a number, since a newer library may
    // know types that the enumeration of the bindings lacks.
    unsafe {
        // A port without a name is an error to the library, and none to us.
        let named = sys::ov_port_get_any_name(port, &raw mut name) == sys::ov_status_e::OK;
        let name = owned_text(name).filter(|_| named);
        done(sys::ov_port_get_element_type(port, (&raw mut element).cast()))?;
        done(sys::ov_port_get_partial_shape(port, &raw mut shape))?;
        let dims = read_dims(&shape);
        sys::ov_partial_shape_free(&raw mut shape);
        Ok(Port { name, element, dims })
    }
}

/// The axes of a shape of the library; none where their number is open.
///
/// # Safety
/// `shape` was filled by the library and is not freed yet.
unsafe fn read_dims(shape: &sys::ov_partial_shape_t) -> Option<Vec<Lengths>> {
    let rank = usize::try_from(shape.rank.max).ok()?;
    if shape.rank.min != shape.rank.max {
        return None;
    }
    if rank == 0 || shape.dims.is_null() {
        return (rank == 0).then(Vec::new);
    }
    // SAFETY: a shape of known rank has that many axes.
    let dims = unsafe { std::slice::from_raw_parts(shape.dims, rank) };
    Some(dims.iter().map(|dim| Lengths { min: dim.min, max: dim.max }).collect())
}

/// The value of a property of a compiled model.
fn property(model: NonNull<sys::ov_compiled_model_t>, key: &CStr) -> Result<String, String> {
    let mut value: *mut c_char = ptr::null_mut();
    // SAFETY: the model is alive; the value becomes this call's own.
    done(unsafe {
        sys::ov_compiled_model_get_property(model.as_ptr(), key.as_ptr(), &raw mut value)
    })?;
    owned_text(value).ok_or_else(|| "OpenVINO gave nothing".to_owned())
}

/// A shape for the library, which reads it during a call only.
fn borrowed_shape(dims: &mut [i64]) -> sys::ov_shape_t {
    let rank = i64::try_from(dims.len()).unwrap_or(i64::MAX);
    sys::ov_shape_t { rank, dims: dims.as_mut_ptr() }
}

/// Any address, as the library wants it.
fn address<T>(pointer: *const T) -> *mut c_void {
    pointer.cast_mut().cast()
}
