use std::{fs, process::Command};

use super::*;

/// A library that says it is ONNX Runtime of this version and has no interface to give.
fn stand_in(folder: &Path, version: &str) -> PathBuf {
    let source = folder.join("stand_in.rs");
    let text = format!(
        "#[repr(C)] pub struct Base(extern \"C\" fn(u32) -> usize, extern \"C\" fn() -> *const u8);
         extern \"C\" fn api(_: u32) -> usize {{ 0 }}
         extern \"C\" fn version() -> *const u8 {{ c\"{version}\".as_ptr().cast() }}
         static BASE: Base = Base(api, version);
         #[unsafe(no_mangle)] pub extern \"C\" fn OrtGetApiBase() -> *const Base {{ &raw const BASE }}"
    );
    fs::write(&source, text).unwrap();
    let library = folder.join(format!("{DLL_PREFIX}stand_in{DLL_SUFFIX}"));
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let kind = ["--edition", "2024", "--crate-type", "cdylib", "-o"];
    let built = Command::new(compiler).args(kind).arg(&library).arg(&source).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    library
}

fn scratch(name: &str) -> PathBuf {
    let folder = env::temp_dir().join(format!("oxv-ort-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn the_variable_comes_first_then_the_programs_folder_then_the_loader() {
    let folder = scratch("location");
    let program = Some(folder.join("program"));
    let bare = PathBuf::from(format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}"));
    assert_eq!(location(None, program.clone()), bare);
    assert_eq!(location(Some(OsString::new()), None), bare);

    let beside = folder.join(&bare);
    fs::write(&beside, "").unwrap();
    assert_eq!(location(None, program.clone()), beside);
    assert_eq!(location(Some("no/such".into()), program.clone()), PathBuf::from("no/such"));
    // Tests run in the crate's folder.
    let here = location(Some("Cargo.toml".into()), program);
    assert!(here.is_absolute() && here.ends_with("Cargo.toml"), "{here:?}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_that_is_no_fitting_library_is_told_with_the_reason() {
    let folder = scratch("unfit");
    let text = folder.join("text.so");
    fs::write(&text, "no library").unwrap();
    let old = stand_in(&folder, "1.17.3");
    let mut cases = vec![
        (folder.join("missing.so"), "No such file"),
        (folder.clone(), ""),
        (text, ""),
        (old, "version 1.17.3"),
    ];
    if cfg!(target_os = "linux") {
        cases.push((PathBuf::from("libc.so.6"), "OrtGetApiBase"));
    }
    for (path, told) in cases {
        let reason = checked_version(&path).unwrap_err();
        assert!(reason.contains(told) && !reason.is_empty(), "{path:?}: {reason}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_newer_library_without_our_interface_is_told() {
    let folder = scratch("newer");
    let reason = checked_version(&stand_in(&folder, "2.0.0")).unwrap_err();
    assert!(reason.contains("2.0.0") && reason.contains("interface"), "{reason}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn versions_are_compared_as_numbers() {
    for (version, too_old) in [
        ("1.9.0", true),
        ("1.21.1", true),
        ("1.22.0", false),
        ("1.100.0", false),
        ("2.0.0", false),
        ("0.99.0", true),
        ("", true),
        ("one", true),
    ] {
        assert_eq!(is_too_old(version), too_old, "{version}");
    }
}
