//! Proves that the comparison with PyTorch's answers passes when it should, and only then.

#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use sha2::{Digest, Sha256};
use vision_program::golden::{GoldenError, GoldenReport, check};

/// A file of `tests/models`.
fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

/// A script that is being written must not be inherited by a program that another test starts.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A model, its goldens, its manifest and a program around it, all of them copies to be spoiled.
struct Package {
    folder: tempfile::TempDir,
}

impl Package {
    fn new() -> Self {
        let package = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["denoiser.onnx", "denoiser.golden.safetensors", "denoiser.oxv.json"] {
            fs::copy(model(name), package.path(name)).unwrap();
        }
        fs::copy(model("denoiser.onnx"), package.path("carried.onnx")).unwrap();
        let binary = env!("CARGO_BIN_EXE_denoiser_cli");
        let carried = package.path("carried.onnx");
        package.write_program(&format!(
            "exec '{binary}' --model '{}' --engine rten \"$@\"",
            carried.display()
        ));
        package
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_program(&self, line: &str) {
        let path = self.path("program");
        fs::write(&path, format!("#!/bin/sh\n{line}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Puts the file's present content into the manifest in place of `original`'s.
    fn list_again(&self, name: &str) {
        let manifest = self.path("denoiser.oxv.json");
        let text = fs::read_to_string(&manifest).unwrap();
        let (old, new) = (sha256(&model(name)), sha256(&self.path(name)));
        assert!(text.contains(&old));
        fs::write(&manifest, text.replace(&old, &new)).unwrap();
    }

    fn check(&self) -> Result<GoldenReport, GoldenError> {
        check(
            &self.path("program"),
            &self.path("denoiser.onnx"),
            &self.path("denoiser.golden.safetensors"),
            &self.path("denoiser.oxv.json"),
        )
    }
}

fn sha256(path: &Path) -> String {
    format!("{:x}", Sha256::digest(fs::read(path).unwrap()))
}

/// Sets the first weight of the first convolution.
fn spoil_weight(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let name = b"body.0.weight\x4a";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap();
    let weight = at + name.len() + 2;
    bytes[weight..weight + 4].copy_from_slice(&0.75_f32.to_le_bytes());
    fs::write(path, bytes).unwrap();
}

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn an_untouched_package_passes() {
    let _alone = alone();
    let report = Package::new().check().unwrap();
    assert_eq!(report.rows.len(), 2);
    assert!(report.to_string().contains("pass random-1 output: MAE"), "{report}");
}

#[test]
fn a_changed_weight_fails_by_its_hash() {
    let _alone = alone();
    let package = Package::new();
    spoil_weight(&package.path("denoiser.onnx"));
    let error = package.check().unwrap_err();
    assert!(matches!(&error, GoldenError::NotTheSame(text) if text.contains("denoiser.onnx")));
}

#[test]
fn a_changed_weight_fails_by_its_answers_when_every_hash_was_forged() {
    let _alone = alone();
    let package = Package::new();
    for name in ["denoiser.onnx", "carried.onnx"] {
        spoil_weight(&package.path(name));
    }
    package.list_again("denoiser.onnx");
    let error = package.check().unwrap_err();
    assert!(matches!(&error, GoldenError::Different(report) if report.rows.len() == 2));
    assert!(error.to_string().contains("FAIL random-0 output"), "{error}");
}

#[test]
fn a_program_that_carries_another_model_fails() {
    let _alone = alone();
    let package = Package::new();
    spoil_weight(&package.path("carried.onnx"));
    let error = package.check().unwrap_err();
    assert!(matches!(&error, GoldenError::NotTheSame(text) if text.contains("another model")));
}

#[test]
fn changed_goldens_fail() {
    let _alone = alone();
    let package = Package::new();
    let goldens = package.path("denoiser.golden.safetensors");
    let mut bytes = fs::read(&goldens).unwrap();
    *bytes.last_mut().unwrap() ^= 0x40;
    fs::write(&goldens, bytes).unwrap();
    assert!(matches!(package.check().unwrap_err(), GoldenError::NotTheSame(_)));
    package.list_again("denoiser.golden.safetensors");
    assert!(matches!(package.check().unwrap_err(), GoldenError::Different(_)));
}

#[test]
fn a_missing_part_is_named() {
    let _alone = alone();
    for name in ["denoiser.golden.safetensors", "denoiser.onnx", "denoiser.oxv.json"] {
        let package = Package::new();
        fs::remove_file(package.path(name)).unwrap();
        let error = package.check().unwrap_err();
        assert!(matches!(&error, GoldenError::File(text) if text.contains(name)), "{error}");
    }
    let package = Package::new();
    fs::remove_file(package.path("program")).unwrap();
    let error = package.check().unwrap_err();
    assert!(matches!(&error, GoldenError::NotStarted(text) if text.contains("program")));
}

#[test]
fn a_program_that_fails_is_told_with_its_own_words() {
    let _alone = alone();
    let package = Package::new();
    package.write_program("echo 'error: no luck' >&2; exit 1");
    let error = package.check().unwrap_err();
    assert!(matches!(&error, GoldenError::Failed(text) if text.contains("no luck")), "{error}");
}
