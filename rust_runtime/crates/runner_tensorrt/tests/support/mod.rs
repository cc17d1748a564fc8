//! A stand-in for `TensorRT` and for GPUs, set up in a folder of its own.

#[allow(dead_code)]
pub(crate) mod onnx;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// Builds the stand-in, in the profile of this test, and gives its place.
pub(crate) fn program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let test = env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        let name = profile.file_name().unwrap().to_str().unwrap();
        let name = if name == "debug" { "dev" } else { name };
        let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--quiet", "--locked", "--profile", name, "-p", "runner_tensorrt"])
            .args(["--example", "trtexec_stand_in"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .unwrap();
        assert!(built.success(), "the stand-in for trtexec does not build");
        profile.join("examples").join("trtexec_stand_in")
    })
}

/// A folder with `trtexec`, `nvidia-smi` and a place for engines; gone when dropped.
pub(crate) struct StandIn {
    pub(crate) folder: PathBuf,
}

#[allow(dead_code)]
impl StandIn {
    /// Stands in for a version of `TensorRT` on a machine with these GPUs.
    pub(crate) fn new(version: &str, gpus: &[&str]) -> Self {
        Self::behaving(version, gpus, "")
    }

    /// One that does what `behaviour` says, as the stand-in's `stage.rs` lists it.
    pub(crate) fn behaving(version: &str, gpus: &[&str], behaviour: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("stand-in-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        for name in ["trtexec", "nvidia-smi"] {
            std::os::unix::fs::symlink(program(), folder.join(name)).unwrap();
        }
        let stand_in = Self { folder };
        let gpus: Vec<String> = gpus.iter().map(|gpu| format!("\"{gpu}\"")).collect();
        let text = format!(
            "{{\"version\": \"{version}\", \"gpus\": [{}], \"behaviour\": \"{behaviour}\", \
             \"log\": \"{}\"}}",
            gpus.join(","),
            stand_in.log().display()
        );
        fs::write(stand_in.folder.join("stand-in.json"), text).unwrap();
        stand_in
    }

    pub(crate) fn trtexec(&self) -> PathBuf {
        self.folder.join("trtexec")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.join("cache")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("calls.log")
    }

    /// The arguments of every call so far, but for `--help`.
    pub(crate) fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
