//! Where `trtexec` and the GPUs are.

use std::{
    collections::HashMap,
    env,
    ffi::{OsStr, OsString},
    fs,
    hash::Hash,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use runner_core::Availability;

use crate::{
    Version, flags,
    gpu::{self, Gpu},
    process::{Failure, Job},
};

const PROGRAM: &str = "trtexec";
const SET: &str = "TRTEXEC";
const DRIVER: &str = "/proc/driver/nvidia/gpus";
/// Time for a program to say its version or to list GPUs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where to look for `trtexec` and for GPUs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tools {
    /// The program itself; nothing else is tried where it is set.
    pub trtexec: Option<PathBuf>,
    /// Folders to search, as in `PATH`: for `trtexec`, and for `nvidia-smi`.
    pub search: OsString,
    /// As `CUDA_VISIBLE_DEVICES`.
    pub visible: Option<String>,
}

/// `TensorRT` and GPUs that are there.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    pub(crate) trtexec: PathBuf,
    pub(crate) version: Version,
    pub(crate) gpus: Vec<Gpu>,
}

impl Tools {
    /// What `TRTEXEC`, `PATH` and `CUDA_VISIBLE_DEVICES` say.
    pub fn from_environment() -> Self {
        let set = env::var_os(SET).filter(|path| !path.is_empty());
        Self {
            trtexec: set.map(PathBuf::from),
            search: env::var_os("PATH").unwrap_or_default(),
            visible: env::var("CUDA_VISIBLE_DEVICES").ok(),
        }
    }

    /// `TensorRT` and at least one GPU, or what to do.
    pub(crate) fn ready(&self) -> Result<Ready, String> {
        let trtexec = self.find_trtexec()?;
        let version = version_of(&trtexec)?;
        let gpus = gpu::visible(&self.gpus()?, self.visible.as_deref());
        if gpus.is_empty() {
            let setting = self.visible.as_ref().map_or_else(String::new, |setting| {
                format!(" (CUDA_VISIBLE_DEVICES is {setting:?})")
            });
            return Err(format!(
                "no NVIDIA GPU{setting}: TensorRT {version} is there, `nvidia-smi -L` must list one"
            ));
        }
        Ok(Ready { trtexec, version, gpus })
    }

    pub(crate) fn availability(&self) -> Availability {
        match self.ready() {
            Ok(ready) => Availability::Ready { version: ready.version.to_string() },
            Err(hint) => Availability::Missing { hint },
        }
    }

    fn find_trtexec(&self) -> Result<PathBuf, String> {
        if let Some(path) = &self.trtexec {
            let wrong = || {
                let path = path.display();
                format!("{SET} is {path}, which is no program: set it to the trtexec of TensorRT")
            };
            // A relative path must mean the same wherever the program is started.
            let path = std::path::absolute(path).map_err(|_| wrong())?;
            return if is_program(&path) { Ok(path) } else { Err(wrong()) };
        }
        self.find(PROGRAM).ok_or_else(|| {
            format!(
                "no {PROGRAM} on PATH: install the TensorRT SDK ({}) and put its bin folder on \
                 PATH, or set {SET} to the program",
                flags::range()
            )
        })
    }

    fn find(&self, program: &str) -> Option<PathBuf> {
        let folders = env::split_paths(&self.search).filter(|folder| folder.is_absolute());
        folders.map(|folder| folder.join(program)).find(|path| is_program(path))
    }

    /// Every GPU of the machine.
    fn gpus(&self) -> Result<Vec<Gpu>, String> {
        match self.find("nvidia-smi") {
            None => Ok(gpu::from_driver(Path::new(DRIVER))),
            Some(program) => listed_by(&program),
        }
    }
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// What tells one state of a file from another.
type Stamp = (PathBuf, Option<SystemTime>, u64);

fn stamp(path: &Path) -> Stamp {
    let file = fs::metadata(path).ok();
    let modified = file.as_ref().and_then(|file| file.modified().ok());
    (path.to_owned(), modified, file.map_or(0, |file| file.len()))
}

/// Answers that stay the same as long as the key does.
type Kept<K, T> = LazyLock<Mutex<HashMap<K, Result<T, String>>>>;

fn remembered<K: Eq + Hash + Clone, T: Clone>(
    kept: &Kept<K, T>,
    key: K,
    ask: impl FnOnce() -> Result<T, String>,
) -> Result<T, String> {
    // Asked under the lock: those who come meanwhile get this answer.
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.entry(key).or_insert_with(ask).clone()
}

fn version_of(trtexec: &Path) -> Result<Version, String> {
    static KEPT: Kept<Stamp, Version> = LazyLock::new(Mutex::default);
    remembered(&KEPT, stamp(trtexec), || ask_version(trtexec))
}

fn ask_version(trtexec: &Path) -> Result<Version, String> {
    let shown = trtexec.display();
    let advice = format!("install TensorRT {}, or set {SET} to its trtexec", flags::range());
    let answer = ask(trtexec, "--help").map_err(|failure| match failure {
        Failure::TimedOut(after) => {
            format!("{shown} did not answer --help within {} s: {advice}", after.as_secs())
        }
        other => format!("{shown} does not run ({other}): {advice}"),
    })?;
    match Version::in_banner(&answer) {
        Some(version) if flags::knows(version) => Ok(version),
        Some(version) => Err(format!("{shown} is of TensorRT {version}, unknown here: {advice}")),
        None => Err(format!("{shown} does not say a version as trtexec does: {advice}")),
    }
}

fn listed_by(nvidia_smi: &Path) -> Result<Vec<Gpu>, String> {
    static KEPT: Kept<Stamp, Vec<Gpu>> = LazyLock::new(Mutex::default);
    remembered(&KEPT, stamp(nvidia_smi), || match ask(nvidia_smi, "-L") {
        Ok(answer) => Ok(gpu::listed(&answer)),
        Err(Failure::Failed(_, answer)) => {
            Err(format!("no NVIDIA GPU: nvidia-smi says: {}", answer.reasons()))
        }
        Err(other) => Err(format!("no NVIDIA GPU: nvidia-smi: {other}")),
    })
}

fn ask(program: &Path, flag: impl AsRef<OsStr>) -> Result<String, Failure> {
    let arguments = [flag.as_ref().to_owned()];
    let job = Job { program, arguments: &arguments, folder: None, timeout: PATIENCE };
    job.run().map(|answer| answer.text())
}
