//! Prepared models pass the suite that unprepared ones pass, keep what the .onnx file says, and are
//! refused by kind where they are cut, damaged, or for another engine, version or machine.

#![cfg(any(feature = "ort", feature = "tract", feature = "rten"))]

use std::{
    fs,
    path::{Path, PathBuf},
};

use runner_core::{
    Backend, Device, LoadError, LoadErrorKind, Runner, RunnerConfig, onnx,
    prepared::{Declaration, declaration_of},
};
use runner_testkit::{Exception, Profile, golden_cases, prepared_testdata, run};
use tempfile::TempDir;

/// Every prepared format, with its engine.
const FORMATS: &[(&str, &str)] = &[
    #[cfg(feature = "ort")]
    ("ort", "ort"),
    #[cfg(feature = "tract")]
    ("tract", "nnef.tar"),
    #[cfg(feature = "tract")]
    ("tract", "nnef.tgz"),
    #[cfg(feature = "rten")]
    ("rten", "onnx"),
];

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata")
}

fn model(name: &str) -> PathBuf {
    testdata().join("models").join(name)
}

fn engine(name: &str) -> &'static dyn Backend {
    runners::backend(name).unwrap()
}

/// A model as the engine prepares it.
fn prepared(name: &str, format: &str, config: &RunnerConfig) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("prepared").with_extension(format);
    engine(name).prepare(config, &out).unwrap();
    (folder, out)
}

fn refused(engine: &str, config: &RunnerConfig) -> LoadError {
    runners::load(engine, config).err().expect("it loads")
}

fn conforms(engine: &str, format: &'static str, exceptions: &'static [Exception]) {
    let backend = runners::backend(engine).unwrap();
    let folder = prepared_testdata(backend, &testdata(), format).unwrap();
    let testdata = folder.path().to_owned();
    let profile = Profile { testdata, format, device: Device::Cpu, tolerance: 1e-6, exceptions };
    let report = run(backend, &profile);
    assert!(report.passed(), "{format}: {report}");
}

#[test]
#[cfg(feature = "ort")]
fn ort_conforms_on_prepared_models() {
    let exceptions = &[
        Exception {
            case: "info/symbols",
            reason: "ONNX Runtime follows no symbol through a convolution: the file's names stay",
        },
        Exception {
            case: "settings/input_shapes",
            reason: "it infers no shapes again: those of outputs are as they were prepared",
        },
        Exception { case: "profile/nodes", reason: "a prepared graph has no nodes of a file" },
    ];
    conforms("ort", "ort", exceptions);
}

#[test]
#[cfg(feature = "tract")]
fn tract_conforms_on_prepared_models() {
    let exceptions = &[Exception {
        case: "profile/nodes",
        reason: "times are of tract's nodes: a prepared graph has no nodes of a file",
    }];
    conforms("tract", "nnef.tar", exceptions);
    conforms("tract", "nnef.tgz", exceptions);
}

#[test]
#[cfg(feature = "rten")]
fn rten_conforms_on_prepared_models() {
    let exceptions = &[
        Exception { case: "dtype/f64", reason: "rten computes in f32 at most" },
        Exception { case: "bytes/external_data", reason: "a prepared model is one file" },
        Exception { case: "profile/nodes", reason: "rten tells no times" },
    ];
    conforms("rten", "onnx", exceptions);
}

/// A copy of a model that has the pair `key`, `value` in its metadata.
fn with_metadata(file: &str, folder: &Path) -> PathBuf {
    let data = "external.data";
    fs::copy(model(data), folder.join(data)).unwrap();
    let pair = b"\x72\x0c\x0a\x03key\x12\x05value";
    let out = folder.join(file);
    fs::write(&out, [&fs::read(model(file)).unwrap(), &pair[..]].concat()).unwrap();
    out
}

#[test]
fn what_the_onnx_file_says_is_kept() {
    for &(name, format) in FORMATS {
        for file in ["dynamic.onnx", "pair.onnx", "bare.onnx", "external.onnx"] {
            let folder = tempfile::tempdir().unwrap();
            let config = RunnerConfig::from_path(with_metadata(file, folder.path()));
            let (_folder, out) = prepared(name, format, &config);
            let loaded = runners::load(name, &RunnerConfig::from_path(&out)).unwrap();
            let mut expected = runners::load(name, &config).unwrap().info().clone();
            expected.model = format!("prepared.{format}");
            assert_eq!(*loaded.info(), expected, "{format}");
            let pairs = onnx::metadata(&fs::read(&out).unwrap()).unwrap();
            assert_eq!(pairs.get("key").map(String::as_str), Some("value"), "{format}");
        }
    }
}

#[test]
fn shapes_that_are_given_are_kept_where_the_format_has_them() {
    let mut config = RunnerConfig::from_path(model("dynamic.onnx"));
    config.input_shapes.insert("x".to_owned(), vec![2, 3, 5, 9]);
    for &(name, format) in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("m").with_extension(format);
        let done = engine(name).prepare(&config, &out);
        if name == "rten" {
            assert_eq!(done.unwrap_err().kind(), LoadErrorKind::Unsupported);
            continue;
        }
        done.unwrap();
        let loaded = runners::load(name, &RunnerConfig::from_path(&out)).unwrap();
        assert_eq!(loaded.info().inputs[0].dims_text(), "[2, 3, 5, 9]", "{format}");
        assert_eq!(loaded.info().outputs[0].dims_text(), "[2, 3, 5, 9]", "{format}");
    }
}

#[test]
fn a_mapped_file_gives_the_same_answers() {
    for (name, format) in [("ort", "ort"), ("ort", "onnx"), ("rten", "onnx")] {
        if runners::backend(name).is_err() {
            continue;
        }
        for file in ["residual.onnx", "external.onnx"] {
            let given = RunnerConfig::from_path(model(file));
            let mut config = given.clone();
            let (_folder, out) = match (name, format) {
                ("ort", "onnx") => (tempfile::tempdir().unwrap(), model(file)),
                _ => prepared(name, format, &given),
            };
            config.source = RunnerConfig::from_path(out).source;
            config.options.insert("mmap".to_owned(), "true".to_owned());
            let loaded = runners::load(name, &config).unwrap();
            let expected = runners::load(name, &given).unwrap();
            for case in golden_cases(&model(file).with_extension("safetensors")).unwrap() {
                let outputs = |runner: &dyn Runner| runner.run_named(case.inputs.clone()).unwrap();
                assert_eq!(outputs(&*loaded), outputs(&*expected), "{name} {format}");
            }
        }
    }
}

/// The file with another declaration.
fn redeclared(file: &Path, change: impl FnOnce(&mut Declaration)) -> Vec<u8> {
    let mut content = fs::read(file).unwrap();
    let mut declaration = declaration_of(&content).unwrap();
    let length = content.len();
    let json = u64::from_le_bytes(*content[length - 16..].first_chunk().unwrap()) as usize;
    content.truncate(length - 16 - json);
    change(&mut declaration);
    let json = serde_json::to_vec(&declaration).unwrap();
    content.extend(&json);
    content.extend((json.len() as u64).to_le_bytes());
    content.extend(b"OXVPREP1");
    content
}

type Change = fn(&mut Declaration);

#[test]
fn what_was_prepared_for_others_is_refused_with_what_to_do() {
    let cases: [(LoadErrorKind, &str, Change); 4] = [
        (LoadErrorKind::Unsupported, "prepare it again", |d| d.engine_version = "0.0".into()),
        (LoadErrorKind::Unsupported, "prepared for swift", |d| d.engine = "swift".into()),
        (LoadErrorKind::Corrupt, "twice", |d| d.outputs.push(d.outputs[0].clone())),
        (LoadErrorKind::Corrupt, "no outputs", |d| d.outputs.clear()),
    ];
    for &(name, format) in FORMATS.iter().filter(|(name, _)| *name != "rten") {
        let config = RunnerConfig::from_path(model("residual.onnx"));
        let (_folder, out) = prepared(name, format, &config);
        for (kind, told, change) in cases {
            let error = refused(name, &RunnerConfig::from_bytes("m", redeclared(&out, change)));
            assert_eq!(error.kind(), kind, "{format}: {error}");
            assert!(error.to_string().contains(told), "{format}: {error}");
        }
        // Names that the graph has not.
        let renamed = redeclared(&out, |d| d.inputs[0].name = "other".into());
        let error = refused(name, &RunnerConfig::from_bytes("m", renamed));
        assert!(matches!(error.kind(), LoadErrorKind::Corrupt | LoadErrorKind::Unsupported));
        for &(other, _) in FORMATS.iter().filter(|(other, _)| !["rten", name].contains(other)) {
            let error = refused(other, &RunnerConfig::from_path(&out));
            assert_eq!(error.kind(), LoadErrorKind::Unsupported, "{format}: {error}");
        }
        let again = engine(name).prepare(&RunnerConfig::from_path(&out), &out.with_extension("b"));
        assert_eq!(again.unwrap_err().kind(), LoadErrorKind::Unsupported);
    }
}

#[test]
fn a_declaration_before_which_nothing_or_noise_stands_is_corrupt() {
    for &(name, format) in FORMATS.iter().filter(|(name, _)| *name != "rten") {
        let config = RunnerConfig::from_path(model("residual.onnx"));
        let (_folder, out) = prepared(name, format, &config);
        let whole = fs::read(&out).unwrap();
        let end = &whole[whole.len() - redeclared_length(&whole)..];
        let noise = fs::read(testdata().join("hostile/random.onnx")).unwrap();
        let half = &whole[..whole.len() / 2];
        for engine_part in [&[], noise.as_slice(), half] {
            let content = [engine_part, end].concat();
            let error = refused(name, &RunnerConfig::from_bytes("m", content));
            assert_eq!(error.kind(), LoadErrorKind::Corrupt, "{format}: {error}");
        }
    }
}

fn redeclared_length(whole: &[u8]) -> usize {
    let json = u64::from_le_bytes(*whole[whole.len() - 16..].first_chunk().unwrap());
    16 + json as usize
}

#[test]
#[cfg(feature = "ort")]
fn ort_refuses_other_machines_devices_and_levels() {
    let mut config = RunnerConfig::from_path(model("residual.onnx"));
    let (_folder, out) = prepared("ort", "ort", &config);
    assert_ne!(declaration_of(&fs::read(&out).unwrap()).unwrap().machine, "");
    let other = redeclared(&out, |declaration| declaration.machine = "abacus".into());
    let error = refused("ort", &RunnerConfig::from_bytes("m", other));
    assert_eq!(error.kind(), LoadErrorKind::Unsupported);
    assert!(error.to_string().contains("abacus"), "{error}");

    config.options.insert("graph_optimization".into(), "extended".into());
    let (_folder, out) = prepared("ort", "ort", &config);
    assert_eq!(declaration_of(&fs::read(&out).unwrap()).unwrap().machine, "");
    config.source = RunnerConfig::from_path(&out).source;
    assert_eq!(refused("ort", &config).kind(), LoadErrorKind::InvalidOption);
}

#[test]
fn what_cannot_be_written_or_prepared_is_told() {
    let config = RunnerConfig::from_path(model("residual.onnx"));
    for &(name, _) in FORMATS {
        let error = engine(name).prepare(&config, Path::new("/no/such/folder/m")).unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::FileSystem, "{name}: {error}");
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
    }
    for row in runners::backends() {
        let Some(backend) = row.backend().filter(|it| it.prepared_format().is_none()) else {
            continue;
        };
        let error = backend.prepare(&config, Path::new("/no/such/folder/m")).unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Unsupported);
        assert!(error.to_string().contains(row.name), "{error}");
    }
}
