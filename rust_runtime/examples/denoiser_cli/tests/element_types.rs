//! Proves that programs take and give tensors of whatever element type the model has, by the models
//! `testdata/models/dtype_*.onnx`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use ndarray::{Array2, array};
use serde_json::Value;

/// The contract's name for an element type, NumPy's, and how NumPy writes it; how long one is.
const TYPES: [(&str, &str, &str, usize); 8] = [
    ("f32", "float32", "<f4", 4),
    ("f16", "float16", "<f2", 2),
    ("f64", "float64", "<f8", 8),
    ("i8", "int8", "|i1", 1),
    ("u8", "uint8", "|u1", 1),
    ("i32", "int32", "<i4", 4),
    ("i64", "int64", "<i8", 8),
    ("bool", "bool", "|b1", 1),
];

fn run(dtype: &str, engine: &str, arguments: &[&str]) -> Output {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/models");
    Command::new(env!("CARGO_BIN_EXE_denoiser_cli"))
        .arg("--model")
        .arg(models.join(format!("dtype_{dtype}.onnx")))
        .args(["--engine", engine])
        .args(arguments)
        .output()
        .unwrap()
}

fn succeed(done: &Output) {
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Writes two rows of three zeros.
fn write_zeros(path: &Path, descr: &str, size: usize) {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2, 3), }}\n");
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    let start = [b"\x93NUMPY\x01\0", &length[..], header.as_bytes()].concat();
    fs::write(path, [start, vec![0; 6 * size]].concat()).unwrap();
}

fn files(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("x.npy"), folder.join("y.npy"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn every_element_type_goes_in_and_comes_out_as_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = files(folder.path());
    for (dtype, _, descr, size) in TYPES {
        write_zeros(&input, descr, size);
        succeed(&run(dtype, "tract", &["--input", text(&input), "--output", text(&output)]));
        let written = fs::read(&output).unwrap();
        let header = String::from_utf8_lossy(&written[..128]);
        assert!(header.contains(&format!("'descr': '{descr}'")), "{dtype}: {header}");
        assert_eq!(written.len(), 128 + 6 * size, "{dtype}");
    }
}

#[test]
fn integers_are_computed_with() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = files(folder.path());
    ndarray_npy::write_npy(&input, &array![[1_i64, -2, 3], [40, 5, 6]]).unwrap();
    for engine in ["tract", "rten"] {
        succeed(&run("i64", engine, &[text(&input), text(&output)]));
        let got: Array2<i64> = ndarray_npy::read_npy(&output).unwrap();
        assert_eq!(got, array![[3, -3, 7], [81, 11, 13]], "{engine}");
    }
}

#[test]
fn another_element_type_is_refused_with_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = files(folder.path());
    for (dtype, wanted, descr, _) in TYPES {
        let (_, found, other, size) = TYPES[usize::from(dtype == "f32")];
        assert_ne!(descr, other);
        write_zeros(&input, other, size);
        let done = run(dtype, "tract", &[text(&input), text(&output), "--json"]);
        assert_eq!(done.status.code(), Some(2));
        let error = &serde_json::from_slice::<Value>(&done.stdout).unwrap()["error"];
        let (message, hint) = (error["message"].as_str().unwrap(), error["hint"].as_str().unwrap());
        assert!(message.contains(&format!("holds {found}, expected {wanted}")), "{message}");
        assert!(hint.contains(&format!("astype(\"{wanted}\")")), "{hint}");
        assert_eq!(error["kind"], "dtype_mismatch");
    }
}

#[test]
fn a_benchmark_makes_up_every_element_type() {
    for (dtype, ..) in TYPES {
        succeed(&run(dtype, "tract", &["--benchmark", "2", "--warmup", "0"]));
    }
}
