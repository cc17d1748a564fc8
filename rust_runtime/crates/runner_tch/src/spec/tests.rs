use std::path::PathBuf;

use super::*;

const SPECS: &str = r#"{"schema_version":1,
    "inputs":[{"name":"x","dtype":"f32","dims":["n",3]}],
    "outputs":[{"name":"y","dtype":"i64","dims":["n"]}],
    "input_shapes":{"x":[2,3]}}"#;

fn memory() -> RunnerConfig {
    RunnerConfig::from_bytes("m.pt", vec![])
}

fn kind(config: &RunnerConfig, json: Option<&str>) -> (LoadErrorKind, String) {
    let error = describe(config, json.map(Into::into)).unwrap_err();
    (error.kind(), error.to_string())
}

fn outputs(described: Described) -> Vec<TensorSpec> {
    match described.outputs {
        Outputs::Known(outputs) => outputs,
        Outputs::MeasuredOn(shape) => panic!("to be measured on {shape:?}"),
    }
}

/// A folder with a model's file and manifests that list the files named.
fn folder(manifests: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("m.pt");
    fs::write(&model, "").unwrap();
    for (manifest, file) in manifests {
        let stages = format!(r#""stages":[{{"output":{{"file":"{file}","bytes":0}}}}],"inputs""#);
        let json = SPECS.replacen("\"inputs\"", &stages, 1);
        fs::write(folder.path().join(manifest), json).unwrap();
    }
    (folder, model)
}

#[test]
fn a_shape_given_fixes_the_symbols_of_the_description() {
    let mut config = memory();
    let described = describe(&config, Some(SPECS.into())).unwrap();
    assert_eq!(described.inputs[0].dims, [Dim::Symbol("n".into()), Dim::Fixed(3)]);
    config.input_shapes.insert("x".into(), vec![7, 3]);
    let described = describe(&config, Some(SPECS.into())).unwrap();
    assert_eq!(described.inputs[0].dims, [Dim::Fixed(7), Dim::Fixed(3)]);
    assert_eq!(outputs(described)[0].dims, [Dim::Fixed(7)]);
    config.input_shapes.insert("x".into(), vec![7, 4]);
    assert_eq!(kind(&config, Some(SPECS)).0, LoadErrorKind::ShapeMismatch);
}

#[test]
fn a_description_that_cannot_be_used_is_corrupt_and_says_why() {
    for (json, sign) in [
        ("{", "EOF"),
        (&SPECS.replace("f32", "f31"), "f31"),
        (&SPECS.replace("version\":1", "version\":2"), "schema_version is 2"),
        (&SPECS.replace("[\"n\",3]", "[-1,3]"), "dims"),
        (r#"{"schema_version":1,"inputs":[],"outputs":[]}"#, "missing"),
    ] {
        let (kind, message) = kind(&memory(), Some(json));
        assert_eq!(kind, LoadErrorKind::Corrupt, "{message}");
        assert!(message.contains("oxv.json") && message.contains("convert"), "{message}");
        assert!(message.contains(sign) || sign == "dims", "{message}");
    }
}

#[test]
fn a_manifest_counts_when_it_lists_the_file() {
    for name in ["m.oxv.json", "other.oxv.json"] {
        let (_folder, model) = folder(&[(name, "m.pt")]);
        let described = describe(&RunnerConfig::from_path(model), None).unwrap();
        assert_eq!(outputs(described)[0].dtype, DType::I64, "{name}");
    }
    let (_folder, model) = folder(&[("m.oxv.json", "else.pt")]);
    let (kind, message) = kind(&RunnerConfig::from_path(model), None);
    assert_eq!(kind, LoadErrorKind::InvalidOption);
    assert!(message.contains("convert") && message.contains("input_shapes"), "{message}");
}

#[test]
fn a_broken_manifest_is_named() {
    let (folder, model) = folder(&[]);
    fs::write(folder.path().join("m.oxv.json"), "[]").unwrap();
    let (kind, message) = kind(&RunnerConfig::from_path(model), None);
    assert_eq!(kind, LoadErrorKind::Corrupt);
    assert!(message.contains("m.oxv.json"), "{message}");
}

#[test]
fn without_any_description_one_shape_is_enough_and_two_are_not() {
    let mut config = memory();
    config.input_shapes.insert("x".into(), vec![1, 3]);
    let described = describe(&config, None).unwrap();
    assert_eq!((described.inputs.len(), described.inputs[0].dtype), (1, DType::F32));
    assert!(matches!(described.outputs, Outputs::MeasuredOn(shape) if shape == [1, 3]));
    config.input_shapes.insert("z".into(), vec![1, 3]);
    assert_eq!(kind(&config, None).0, LoadErrorKind::InvalidOption);
    config.input_shapes = [("x".into(), vec![0, 3])].into();
    assert_eq!(kind(&config, None).0, LoadErrorKind::ShapeMismatch);
}
