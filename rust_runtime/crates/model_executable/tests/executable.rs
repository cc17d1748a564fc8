//! Runs an executable with a model at its end, where its output is closed or full, or what it writes
//! is refused.

#![cfg(all(target_os = "linux", feature = "rten"))]

use std::{
    fs::{self, File},
    io::{Cursor, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::LazyLock,
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use zip::{CompressionMethod, ZipWriter, write::FileOptions};

/// Made once, before any test starts a process: one that started meanwhile would hold it open.
static PROGRAM: LazyLock<(TempDir, PathBuf)> =
    LazyLock::new(|| written(&packed(&json!({"mae": 1e-5, "cosine_similarity": 0.999}))));

/// The same program whose recorded answers are to be met more exactly than any engine can.
static EXACT: LazyLock<(TempDir, PathBuf)> =
    LazyLock::new(|| written(&packed(&json!({"mae": 1e-12, "cosine_similarity": 0.999}))));

/// The same program with a changed byte near the start, in the midst and at the end of its archive.
static DAMAGED: LazyLock<Vec<(TempDir, PathBuf)>> = LazyLock::new(|| {
    let whole = fs::read(&PROGRAM.1).unwrap();
    let carried = model();
    let model = whole.windows(64).position(|bytes| bytes == &carried[..64]).unwrap();
    let damaged = |place: usize| {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x40;
        written(&bytes)
    };
    [model, model + 2, model + 100, model + carried.len() / 2, whole.len() - 1].map(damaged).into()
});

fn written(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program");
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    (folder, path)
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

fn read(name: &str) -> Vec<u8> {
    let models = "../../examples/denoiser_cli/tests/models";
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(models).join(name)).unwrap()
}

/// A program and its archive, as the Python client writes them.
fn packed(tolerance: &Value) -> Vec<u8> {
    let seal = json!({
        "name": "program", "version": "0", "model": "m.onnx", "goldens": "m.safetensors",
        "manifest": "m.oxv.json", "threads": null,
    });
    let (model, goldens) = (model(), read("denoiser.golden.safetensors"));
    let manifest = json!({
        "schema_version": 1, "tolerance": tolerance,
        "goldens": {"file": "m.safetensors", "sha256": sha256(&goldens)},
        "stages": [{"name": "onnx", "output": {"file": "m.onnx", "sha256": sha256(&model)}}],
    });
    let parts = [
        ("package.oxv.json", seal.to_string().into_bytes()),
        ("m.onnx", model),
        ("m.safetensors", goldens),
        ("m.oxv.json", manifest.to_string().into_bytes()),
    ];
    let mut file = Cursor::new(fs::read(env!("CARGO_BIN_EXE_executable-rten")).unwrap());
    file.set_position(file.get_ref().len() as u64);
    let mut writer = ZipWriter::new(file);
    let stored = FileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in parts {
        writer.start_file(name, stored).unwrap();
        writer.write_all(&content).unwrap();
    }
    writer.set_raw_comment([&b"sha256:"[..], &[b'0'; 64]].concat());
    let mut bytes = writer.finish().unwrap().into_inner();
    let summed = bytes.len() - 64;
    let sum = sha256(&bytes[..summed]);
    bytes[summed..].copy_from_slice(sum.as_bytes());
    bytes
}

/// A model that takes and gives pictures: protobuf fields may simply be added at the end.
fn model() -> Vec<u8> {
    let mut model = read("denoiser.onnx");
    let field = |tag: u8, text: &[u8]| [&[tag, u8::try_from(text.len()).unwrap()], text].concat();
    for (key, value) in [("oxv.preprocess", "{}"), ("oxv.postprocess", r#"{"kind":"image"}"#)] {
        let entry = [field(0x0a, key.as_bytes()), field(0x12, value.as_bytes())].concat();
        model.extend(field(0x72, &entry));
    }
    model
}

fn program() -> Command {
    Command::new(&PROGRAM.1)
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// A pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn picture() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../vision_io/tests/goldens/decode/rgb.png")
}

fn stderr(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    entries.map(|name| name.into_string().unwrap()).collect()
}

/// Command lines that print, with a folder to write into.
fn printing(folder: &Path) -> [Vec<String>; 8] {
    let [out, picture_out] =
        ["out", "out.png"].map(|name| folder.join(name).to_str().unwrap().to_owned());
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    [
        words(&["--help"]),
        words(&["--version"]),
        words(&["--info"]),
        words(&["--check"]),
        words(&["--check", "--json"]),
        words(&["--extract", &out]),
        words(&[picture(), &picture_out]),
        words(&[picture(), &picture_out, "--json"]),
    ]
}

#[test]
fn the_answer_is_printed_and_the_recorded_inputs_pass() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in printing(folder.path()) {
        let done = program().args(&arguments).output().unwrap();
        assert!(
            done.status.success() && !done.stdout.is_empty(),
            "{arguments:?}: {}",
            stderr(&done)
        );
    }
    let extracted = folder.path().join("out");
    assert_eq!(names(&extracted).len(), 4);
    let again = program().arg("--extract").arg(&extracted).output().unwrap();
    assert_eq!(again.status.code(), Some(5));
    assert!(stderr(&again).contains("hint: Name a new folder."), "{}", stderr(&again));
}

#[test]
fn nothing_is_told_of_a_damaged_file_but_that() {
    for (_, damaged) in DAMAGED.iter() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = vec!["none.png".to_owned(), "o.png".to_owned()];
        for arguments in printing(folder.path()).into_iter().chain([wrong]) {
            let done = Command::new(damaged).args(&arguments).output().unwrap();
            let told = stderr(&done);
            assert_eq!(done.status.code(), Some(3), "{arguments:?}: {told}");
            assert_eq!(told.matches("error: ").count(), 1, "{arguments:?}: {told}");
            assert!(told.contains("program is damaged"), "{arguments:?}: {told}");
            let answer = String::from_utf8(done.stdout).unwrap();
            let json = arguments.iter().any(|word| word == "--json");
            assert!(if json { answer.contains("is damaged") } else { answer.is_empty() });
        }
        assert_eq!(names(folder.path()).len(), 0);
    }
}

#[test]
fn recorded_answers_are_met_within_the_tolerance_of_the_manifest() {
    let done = Command::new(&EXACT.1).arg("--check").output().unwrap();
    assert_eq!(done.status.code(), Some(3));
    assert!(stderr(&done).contains("MAE 1.0e-12"), "{}", stderr(&done));
}

#[test]
fn an_output_that_is_full_is_told_with_its_code() {
    for index in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let arguments = &printing(folder.path())[index];
        let done = program().args(arguments).stdout(full()).output().unwrap();
        let told = stderr(&done);
        assert_eq!(done.status.code(), Some(5), "{arguments:?}: {told}");
        assert!(told.contains("standard output cannot be written"), "{arguments:?}: {told}");
    }
}

#[test]
fn a_reader_that_has_left_is_no_fault() {
    for index in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let arguments = &printing(folder.path())[index];
        let done = program().args(arguments).stdout(closed()).output().unwrap();
        assert_eq!((done.status.code(), stderr(&done)), (Some(0), String::new()), "{arguments:?}");
    }
}

#[test]
fn a_fault_has_its_code_where_nobody_hears_of_it() {
    for stream in [full, closed] {
        let code = |arguments: &[&str]| {
            let done = program().args(arguments).stderr(stream()).stdout(stream()).status();
            done.unwrap().code()
        };
        assert_eq!(code(&["none.png", "o.png"]), Some(2));
        assert_eq!(code(&["none.png", "o.png", "--json"]), Some(2));
        assert_eq!(code(&["--no-such-option"]), Some(2));
        assert_eq!(code(&["--extract", "/nowhere/out"]), Some(5));
    }
}

#[test]
fn faults_are_documents_with_their_version_and_kind() {
    for (arguments, kind) in [
        (&["none.png", "o.png", "--json"][..], "not_found"),
        (&["--no-such-option", "--json"], "usage"),
        (&["--extract", "/nowhere/out", "--json"], "file_system"),
    ] {
        let done = program().args(arguments).output().unwrap();
        let document: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(
            (&document["schema_version"], &document["error"]["kind"]),
            (&json!(1), &json!(kind))
        );
    }
}

#[test]
fn a_file_beyond_what_may_be_written_is_told_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let limited = |arguments: &[&str]| {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"ulimit -f 1 && exec "$0" "$@""#]).arg(&PROGRAM.1);
        shell.args(arguments).output().unwrap()
    };
    for arguments in [&[picture(), &path("out.webp")][..], &["--extract", &path("out")]] {
        let done = limited(arguments);
        assert_eq!(done.status.code(), Some(5), "{arguments:?}: {}", stderr(&done));
        assert!(stderr(&done).contains("File too large"), "{}", stderr(&done));
        assert_eq!(names(folder.path()), [""; 0], "{arguments:?}");
    }
}
