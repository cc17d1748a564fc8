//! Where there is no ONNX Runtime, the backend says what to do, and nothing panics.
//!
//! The library is looked for by an environment variable, so each case runs in a process of its own.

#![cfg(unix)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use runner_core::{Availability, Backend, LoadErrorKind, Runner, RunnerConfig};
use runner_ort::{OrtBackend, OrtRunner};

/// What the child does; it runs nothing where it is not started as one.
#[test]
fn child() {
    if env::var_os("OXV_ORT_CHILD").is_none() {
        return;
    }
    let path = env::var("ORT_DYLIB_PATH").unwrap();
    for _ in 0..2 {
        let Availability::Missing { hint } = OrtBackend.check() else {
            panic!("{path} is ready");
        };
        for told in [path.as_str(), "pip install onnxruntime", "ORT_DYLIB_PATH", "1.22"] {
            assert!(hint.contains(told), "{told:?} is not in: {hint}");
        }
        let error = OrtRunner::from_config(&RunnerConfig::from_bytes("m", vec![])).unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::BackendUnavailable);
        assert!(error.to_string().contains(&hint), "{error}");
    }
    assert_eq!(OrtBackend.capabilities().devices.len(), 1);
}

#[test]
fn a_path_without_onnx_runtime_is_missing_with_a_hint() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let pipe = pipe();
    let paths = [
        "/no/such/libonnxruntime.so",
        "no-such-library",
        manifest.to_str().unwrap(),
        env!("CARGO_MANIFEST_DIR"),
        pipe.to_str().unwrap(),
    ];
    for path in paths {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env("OXV_ORT_CHILD", "1")
            .env("ORT_DYLIB_PATH", path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success(), "{path}: {said}");
    }
    fs::remove_file(pipe).unwrap();
}

/// A pipe that nobody writes to: whoever opens it waits.
fn pipe() -> PathBuf {
    let path = env::temp_dir().join(format!("oxv-ort-pipe-{}", std::process::id()));
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}
