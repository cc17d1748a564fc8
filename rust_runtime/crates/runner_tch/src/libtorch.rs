//! The LibTorch of this process: its version, and its CUDA part.

use std::sync::OnceLock;

/// The release that `tch` is made for; its C++ interface changes with the next one.
const RELEASE: &str = "2.13.";

// SAFETY: the function is LibTorch's own, exported with C linkage and this signature since 2.1; it
// takes nothing and reads a constant.
unsafe extern "C" {
    safe fn aoti_torch_abi_version() -> u64;
}

/// The version of the LibTorch that is loaded.
///
/// # Errors
/// What to do, when it is not of the release that this program was built for.
pub(crate) fn version() -> Result<String, String> {
    let [major, minor, patch, ..] = aoti_torch_abi_version().to_be_bytes();
    let version = format!("{major}.{minor}.{patch}");
    if version.starts_with(RELEASE) {
        return Ok(version);
    }
    Err(format!(
        "this program was built for LibTorch {RELEASE}x and found {version}: put the folder of \
         the former first on the library path"
    ))
}

/// The CUDA devices that LibTorch sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cuda {
    pub(crate) devices: u32,
    /// Why LibTorch cannot look for any.
    pub(crate) missing: Option<&'static str>,
}

/// Loads LibTorch's CUDA part at the first call, where there is a driver for it.
///
/// It must come before anything else that LibTorch does: what LibTorch once took for absent, it
/// never looks for again, not even for other users in this process.
pub(crate) fn cuda() -> Cuda {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    match LOADED.get_or_init(load_cuda) {
        Ok(()) => {
            let devices = u32::try_from(tch::Cuda::device_count()).unwrap_or(0);
            Cuda { devices, missing: None }
        }
        Err(why) => Cuda { devices: 0, missing: Some(why) },
    }
}

/// The linker leaves `libtorch_cuda` out, since nothing calls it by name: it registers itself.
#[cfg(target_os = "linux")]
fn load_cuda() -> Result<(), String> {
    open(c"libcuda.so.1").map_err(|reason| format!("there is no NVIDIA driver ({reason})"))?;
    let library = folder()
        .and_then(|folder| std::ffi::CString::new(format!("{folder}/libtorch_cuda.so")).ok())
        .ok_or("LibTorch does not tell its folder")?;
    open(&library).map_err(|reason| format!("LibTorch has no CUDA part that loads ({reason})"))
}

#[cfg(not(target_os = "linux"))]
fn load_cuda() -> Result<(), String> {
    Err("the runner tch looks for CUDA devices on Linux only".to_owned())
}

/// Loads a library for the rest of the process.
#[cfg(target_os = "linux")]
fn open(library: &std::ffi::CStr) -> Result<(), String> {
    // SAFETY: the text ends in NUL and outlives the call; the libraries are the driver's and
    // LibTorch's, whose initialisers may run at any time, and they are never unloaded.
    let handle = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_LAZY) };
    if !handle.is_null() {
        return Ok(());
    }
    // SAFETY: dlerror gives NULL or text that ends in NUL and lives until this thread's next call.
    let reason = unsafe {
        let text = libc::dlerror();
        (!text.is_null()).then(|| std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned())
    };
    Err(reason.unwrap_or_else(|| "no reason given".to_owned()))
}

/// The folder of the LibTorch that is loaded, wherever the loader found it.
#[cfg(target_os = "linux")]
fn folder() -> Option<String> {
    let function: extern "C" fn() -> u64 = aoti_torch_abi_version;
    let mut found = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: `found` is a place for the answer; all zeroes is a valid value of it.
    let name = unsafe {
        if libc::dladdr(function as *const libc::c_void, found.as_mut_ptr()) == 0 {
            return None;
        }
        found.assume_init().dli_fname
    };
    if name.is_null() {
        return None;
    }
    // SAFETY: the name is the loader's own text, which lives as long as the library.
    let file = unsafe { std::ffi::CStr::from_ptr(name) }.to_str().ok()?;
    Some(std::path::Path::new(file).parent()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_loaded_library() {
        assert!(version().unwrap().starts_with(RELEASE));
    }

    #[test]
    fn where_there_is_no_device_there_is_a_reason_or_a_working_driver() {
        let cuda = cuda();
        let reason = cuda.missing.unwrap_or_default();
        assert!(cuda.missing.is_none() || (cuda.devices == 0 && reason.len() > 10), "{cuda:?}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_folder_holds_libtorch() {
        assert!(std::path::Path::new(&folder().unwrap()).join("libtorch_cpu.so").is_file());
    }
}
