//! Which CUDA devices the loaded library can drive.

use std::ffi::{c_int, c_uint};

use libloading::{Library, Symbol};
use ort::{
    ep::{CUDA, ExecutionProvider, ExecutionProviderDispatch, cuda::ConvAlgorithmSearch},
    session::Session,
};

use crate::{
    library::{Engine, reason},
    refusal::on_one_line,
    wheels,
};

const DRIVER: &str = if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" };

/// What the driver answers where it finds no device.
const NO_DEVICE: c_int = 100;

/// The provider for one device; that it cannot start is an error, never a reason to take the CPU.
///
/// The provider's own default is TF32, which is no single precision, and to search for each
/// convolution's algorithm by trying them. Either search is made anew whenever a run has another
/// shape than the one before. The provider's own takes half a second for some shapes of a ResNet-50;
/// cuDNN's guess, which we ask for, takes about a hundred milliseconds for all of them.
pub(crate) fn provider(index: u32, tf32: bool) -> ExecutionProviderDispatch {
    CUDA::default()
        .with_device_id(index.cast_signed())
        .with_tf32(tf32)
        .with_conv_algorithm_search(ConvAlgorithmSearch::Heuristic)
        .build()
        .error_on_failure()
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
    match starts(engine) {
        Err(_) if wheels::load(&engine.library) => starts(engine),
        tried => tried,
    }?;
    Ok(devices)
}

/// Starts the provider on the first device, to see whether it does.
fn starts(engine: &Engine) -> Result<(), String> {
    let builder = Session::builder(&engine.environment).map_err(|error| error.to_string())?;
    match builder.with_execution_providers([provider(0, false)]) {
        Ok(_) => Ok(()),
        Err(error) => Err(unstarted(&on_one_line(error.message()))),
    }
}

fn unstarted(reason: &str) -> String {
    let advice = if reason.contains("cannot open shared object file") {
        ". Install CUDA and cuDNN (pip install 'onnxruntime-gpu[cuda,cudnn]'), or put the folder \
         of this library on the loader's path (LD_LIBRARY_PATH)"
    } else {
        ""
    };
    format!("its CUDA provider does not start: {reason}{advice}")
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
    // The driver keeps threads and must not be unloaded once it has started.
    std::mem::forget(driver);
    match code {
        0 => Ok(devices.try_into().unwrap_or(0)),
        NO_DEVICE => Ok(0),
        code => Err(format!("the CUDA driver does not start: error {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_not_found_is_told_with_the_way_out() {
        let missing = "libcudnn.so.9: cannot open shared object file: No such file or directory";
        let message = unstarted(missing);
        for told in [missing, "pip install 'onnxruntime-gpu[cuda,cudnn]'", "LD_LIBRARY_PATH"] {
            assert!(message.contains(told), "{told:?} is not in: {message}");
        }
        assert!(unstarted("out of memory").ends_with("out of memory"));
    }
}
