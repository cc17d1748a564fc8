use std::{
    env,
    ffi::CStr,
    path::{Path, PathBuf},
    ptr,
    sync::{Mutex, OnceLock, PoisonError},
};

use libloading::Library;
use openvino_sys as sys;
use runner_core::{check_library, guard_load};

use crate::native::{CompileModel, Core, SetProperty};

const PATH_VARIABLE: &str = "OPENVINO_DYLIB_PATH";
/// Element types have had their present numbers since this release.
const OLDEST: (u32, u32) = (2025, 1);

type GetVersion = unsafe extern "C" fn(*mut sys::ov_version_t) -> sys::ov_status_e;
type FreeVersion = unsafe extern "C" fn(*mut sys::ov_version_t);

/// The engine, started: its library and its CPU plugin are loaded.
pub(crate) struct Engine {
    /// The public version: `2026.4.0`.
    pub(crate) version: String,
    pub(crate) core: Core,
}

/// The engine of this process, started by the first call that finds it.
///
/// # Errors
/// What is missing and what to do about it. A later call tries again.
pub(crate) fn engine() -> Result<&'static Engine, String> {
    static ENGINE: Mutex<Option<&'static Engine>> = Mutex::new(None);
    // The bindings keep the first library that they open.
    static OPENED: OnceLock<PathBuf> = OnceLock::new();
    let mut started = ENGINE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(engine) = *started {
        return Ok(engine);
    }
    let path = OPENED.get().map_or_else(find, |path| Ok(path.clone()))?;
    // Never freed: worker threads of the library may outlive every owner at the process's end.
    let engine: &'static Engine = Box::leak(Box::new(start(&path, &OPENED)?));
    *started = Some(engine);
    Ok(engine)
}

fn start(path: &Path, opened: &OnceLock<PathBuf>) -> Result<Engine, String> {
    let hint = |reason: String| {
        format!(
            "{}: {reason}; run `pip install openvino`, or set {PATH_VARIABLE} to the path of its \
             {}",
            path.display(),
            file_name()
        )
    };
    let opening = Opening::new(path).map_err(hint)?;
    sys::library::load_from(path).map_err(hint)?;
    drop(opened.set(path.to_owned()));
    let core = Core::new(opening.compile, opening.set_property)
        .map_err(|reason| hint(format!("its CPU plugin does not load: {reason}")))?;
    Ok(Engine { version: opening.version, core })
}

/// A library that was looked into before the bindings take it: they would keep a wrong one, and
/// panic.
struct Opening {
    version: String,
    compile: CompileModel,
    set_property: SetProperty,
}

impl Opening {
    fn new(path: &Path) -> Result<Self, String> {
        check_library(path)?;
        // SAFETY: the user, or an installation of OpenVINO, names the file; loading it runs its
        // initialisers, as loading any library does.
        let library = unsafe { Library::new(path) }
            .map_err(|error| format!("it cannot be opened ({error})"))?;
        let foreign = |_| "it is not OpenVINO's C library".to_owned();
        // SAFETY: the types repeat the declarations in ov_common.h and ov_core.h.
        let (compile, set_property, get_version, free_version) = unsafe {
            (
                *library.get::<CompileModel>(b"ov_core_compile_model\0").map_err(foreign)?,
                *library.get::<SetProperty>(b"ov_core_set_property\0").map_err(foreign)?,
                *library.get::<GetVersion>(b"ov_get_openvino_version\0").map_err(foreign)?,
                *library.get::<FreeVersion>(b"ov_version_free\0").map_err(foreign)?,
            )
        };
        let version = read_version(get_version, free_version)?;
        // The functions must stay valid, so the library is never closed.
        std::mem::forget(library);
        Ok(Self { version, compile, set_property })
    }
}

fn read_version(get: GetVersion, free: FreeVersion) -> Result<String, String> {
    let mut version = sys::ov_version_t { buildNumber: ptr::null(), description: ptr::null() };
    // SAFETY: the function fills the struct with strings of its own, which are copied before they
    // are freed.
    let build = unsafe {
        let status = get(&raw mut version);
        if status != sys::ov_status_e::OK || version.buildNumber.is_null() {
            return Err("it does not tell its version".to_owned());
        }
        let build = CStr::from_ptr(version.buildNumber).to_string_lossy().into_owned();
        free(&raw mut version);
        build
    };
    public_version(&build)
}

/// The part of a build number that is public: `2026.4.0` of `2026.4.0-22959-99c81491cc3`.
fn public_version(build: &str) -> Result<String, String> {
    let public = build.split('-').next().unwrap_or_default();
    let mut parts = public.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(year), Some(release)) if (year, release) >= OLDEST => Ok(public.to_owned()),
        (Some(_), Some(_)) => {
            let (year, release) = OLDEST;
            Err(format!("it is OpenVINO {public}, too old: {year}.{release} or newer is needed"))
        }
        _ => Err(format!("it calls itself version {build:?}")),
    }
}

fn file_name() -> String {
    format!("{}openvino_c{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX)
}

/// The library's path; a bare file name leaves the search to the dynamic loader.
fn find() -> Result<PathBuf, String> {
    if let Some(path) = env::var_os(PATH_VARIABLE).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        if path.is_file() {
            return Ok(path);
        }
        return Err(format!(
            "{PATH_VARIABLE} is {}, which is no file; set it to the full path of OpenVINO's {}",
            path.display(),
            file_name()
        ));
    }
    // The finder panics where a system folder cannot be listed.
    let installed = || guard_load("openvino", || Ok(sys::library::find())).ok().flatten();
    Ok(beside_program().or_else(installed).unwrap_or_else(|| PathBuf::from(file_name())))
}

/// The library in the running program's folder, with or without a version after its name.
fn beside_program() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let folder = program.parent()?;
    let plain = folder.join(file_name());
    if plain.is_file() {
        return Some(plain);
    }
    let prefix = format!("{}.", file_name());
    let versioned = |name: &str| name.starts_with(&prefix);
    let files = folder.read_dir().ok()?.flatten().map(|entry| entry.path());
    files
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(versioned))
        .filter(|path| path.is_file())
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_version_is_cut_out_and_old_ones_are_refused() {
        let build = "2026.4.0-22959-99c81491cc3-releases/2026/4";
        assert_eq!(public_version(build).as_deref(), Ok("2026.4.0"));
        assert_eq!(public_version("2025.1.0-1-a").as_deref(), Ok("2025.1.0"));
        assert!(public_version("2024.6.0-1-a").unwrap_err().contains("too old"));
        assert!(public_version("custom_master").is_err() && public_version("").is_err());
    }

    #[test]
    fn a_library_of_another_kind_is_told_before_the_bindings_take_it() {
        let foreign = Opening::new(Path::new("libm.so.6")).err().unwrap();
        assert!(foreign.contains("not OpenVINO"), "{foreign}");
        let text = Opening::new(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")));
        assert!(text.err().unwrap().contains("cannot be opened"));
    }
}
