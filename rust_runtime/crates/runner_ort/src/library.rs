//! Finds, checks and starts the one ONNX Runtime of this process.

use std::{
    env::{
        self,
        consts::{DLL_PREFIX, DLL_SUFFIX},
    },
    error::Error,
    ffi::{CStr, OsString},
    path::{self, Path, PathBuf},
    sync::OnceLock,
};

use libloading::{Library, Symbol};
use ort::{
    environment::Environment,
    logging::LogLevel,
    sys::{ORT_API_VERSION, OrtApiBase},
};
use runner_core::check_library;

use crate::cuda;

/// The environment variable that names the library's file.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// ONNX Runtime, loaded and started.
#[derive(Debug)]
pub(crate) struct Engine {
    /// What sessions are made in.
    pub(crate) environment: Environment,
    /// The library's own version.
    pub(crate) version: String,
    /// The library's file, or the name that the system's loader found it by.
    pub(crate) library: PathBuf,
    cuda: OnceLock<Result<u32, String>>,
}

impl Engine {
    /// How many CUDA devices sessions can run on, or why on none.
    pub(crate) fn cuda_devices(&self) -> Result<u32, String> {
        self.cuda.get_or_init(|| cuda::devices(self)).clone()
    }
}

/// The engine, started by the first who asks.
///
/// A library that is not there or does not fit is looked for again the next time: it may be
/// installed or named meanwhile. One that was started stays until the process ends.
///
/// # Errors
/// Which file failed, why, and what to do.
pub(crate) fn engine() -> Result<&'static Engine, String> {
    static STARTED: OnceLock<Result<Engine, String>> = OnceLock::new();
    if let Some(started) = STARTED.get() {
        return started.as_ref().map_err(Clone::clone);
    }
    let path = location(env::var_os(VARIABLE), env::current_exe().ok());
    let version = checked_version(&path).map_err(|reason| advised(&path, &reason))?;
    let started = || start(&path, version).map_err(|reason| advised(&path, &reason));
    STARTED.get_or_init(started).as_ref().map_err(Clone::clone)
}

fn advised(path: &Path, reason: &str) -> String {
    let path = path.display();
    // The system's loader names the file too.
    let reason = reason.strip_prefix(&format!("{path}: ")).unwrap_or(reason);
    format!(
        "no ONNX Runtime in {path}: {reason}. Install it (pip install onnxruntime), or set \
         {VARIABLE} to the file of its library, version 1.{ORT_API_VERSION} or newer"
    )
}

/// The file that the user names, else the one beside the program, else the name that the system's
/// loader looks for.
fn location(named: Option<OsString>, program: Option<PathBuf>) -> PathBuf {
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        // The ort crate takes a relative path from the program's folder, everybody else from the
        // current one.
        return if named.exists() { path::absolute(&named).unwrap_or(named) } else { named };
    }
    let file = format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}");
    let beside = program.and_then(|program| Some(program.parent()?.join(&file)));
    beside.filter(|beside| beside.is_file()).unwrap_or_else(|| file.into())
}

/// The version of the library in this file, once it is one that the ort crate can be given: the
/// crate panics on some of those that do not fit.
fn checked_version(path: &Path) -> Result<String, String> {
    check_library(path)?;
    // SAFETY: the library's initialisers run; the file is the user's choice, as with any program.
    let library = unsafe { Library::new(path) }.map_err(|error| reason(&error))?;
    // SAFETY: ONNX Runtime's C interface gives this symbol this type.
    let base: Symbol<'_, unsafe extern "C" fn() -> *const OrtApiBase> =
        unsafe { library.get(b"OrtGetApiBase") }
            .map_err(|_| "it is another library: it has no OrtGetApiBase".to_owned())?;
    // SAFETY: the function takes nothing and gives a static table or null.
    let base = unsafe { base().as_ref() }.ok_or("OrtGetApiBase gives nothing")?;
    // SAFETY: the table's function takes nothing and gives a static text.
    let version = unsafe { (base.GetVersionString)() };
    if version.is_null() {
        return Err("it has no version".to_owned());
    }
    // SAFETY: the text is not null, ends in a zero byte and lives as long as the library.
    let version = unsafe { CStr::from_ptr(version) }.to_string_lossy().into_owned();
    // An older library answers the request below by a message on standard error.
    if is_too_old(&version) {
        return Err(format!("it is version {version}"));
    }
    // SAFETY: the table's function takes any number and gives null for one that it does not know.
    if unsafe { (base.GetApi)(ORT_API_VERSION) }.is_null() {
        return Err(format!("version {version} lacks the interface of 1.{ORT_API_VERSION}"));
    }
    Ok(version)
}

fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (major, minor) < (1, ORT_API_VERSION)
}

/// An error of the system's loader; its reason stands behind the crate's own.
pub(crate) fn reason(error: &libloading::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

fn start(path: &Path, version: String) -> Result<Engine, String> {
    let environment = ort::init_from(path)
        .map_err(|error| error.to_string())?
        .with_name("oxidizedvision")
        .with_telemetry(false)
        .build()
        .map_err(|error| error.to_string())?;
    // Errors come back to the caller, who decides whether to print them.
    environment.set_log_level(LogLevel::Fatal);
    Ok(Engine { environment, version, library: path.to_owned(), cuda: OnceLock::new() })
}

#[cfg(test)]
mod tests;
