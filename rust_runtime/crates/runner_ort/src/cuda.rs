//! Which CUDA devices the loaded library can drive.

use std::ffi::{c_int, c_uint};

use libloading::{Library, Symbol};
use ort::{
    ep::{CUDA, ExecutionProvider, ExecutionProviderDispatch},
    session::Session,
};

use crate::{
    library::{Engine, reason},
    refusal::on_one_line,
};

const DRIVER: &str = if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" };

/// The provider for one device; that it cannot start is an error, never a reason to take the CPU.
pub(crate) fn provider(index: u32) -> ExecutionProviderDispatch {
    CUDA::default().with_device_id(index.cast_signed()).build().error_on_failure()
}

/// How many devices there are.
///
/// # Errors
/// The library was built without CUDA, there is no driver or no device, or the provider's own
/// libraries do not load.
pub(crate) fn devices(engine: &Engine) -> Result<u32, String> {
    if !CUDA::is_available().unwrap_or(false) {
        return Err(format!(
            "this ONNX Runtime ({}) has no CUDA provider: install onnxruntime-gpu",
            engine.version
        ));
    }
    let devices = count()?;
    if devices == 0 {
        return Err("the CUDA driver sees no device".to_owned());
    }
    let builder = Session::builder(&engine.environment).map_err(|error| error.to_string())?;
    match builder.with_execution_providers([provider(0)]) {
        Ok(_) => Ok(devices),
        Err(error) => {
            Err(format!("its CUDA provider does not start: {}", on_one_line(error.message())))
        }
    }
}

fn count() -> Result<u32, String> {
    // SAFETY: the driver's initialisers run; it is the system's own library.
    let driver = unsafe { Library::new(DRIVER) }
        .map_err(|error| format!("there is no CUDA driver: {}", reason(&error)))?;
    let unfit = |error: libloading::Error| format!("{DRIVER}: {}", reason(&error));
    // SAFETY: CUDA's driver interface gives this symbol this type.
    let initialise: Symbol<'_, unsafe extern "C" fn(c_uint) -> c_int> =
        unsafe { driver.get(b"cuInit") }.map_err(unfit)?;
    // SAFETY: as above.
    let count: Symbol<'_, unsafe extern "C" fn(*mut c_int) -> c_int> =
        unsafe { driver.get(b"cuDeviceGetCount") }.map_err(unfit)?;
    let mut devices = 0;
    // SAFETY: `cuInit` takes 0 only; the second call writes one number to where it is told.
    let code = unsafe {
        match initialise(0) {
            0 => count(&raw mut devices),
            failed => failed,
        }
    };
    if code != 0 {
        return Err(format!("the CUDA driver does not start: error {code}"));
    }
    // The driver keeps threads and must not be unloaded once it has started.
    std::mem::forget(driver);
    Ok(devices.try_into().unwrap_or(0))
}
