use super::*;
use crate::ErrorKind;

fn refused(bench: &Bench) -> ServerError {
    bench.describe("m", "1");
    let error = bench.repository.load("m", None).unwrap_err();
    assert!(bench.repository.find("m", None).is_err());
    let [entry] = &bench.repository.index()[..] else { panic!("one entry") };
    assert_eq!(entry.state, "UNAVAILABLE");
    assert_eq!(entry.reason, error.message());
    assert_eq!(error.model(), Some("m"));
    assert!(!error.to_string().contains(bench.folder.path().to_str().unwrap()), "{error}");
    error
}

#[test]
fn a_model_that_answers_as_pytorch_did_serves() {
    let bench = Bench::new();
    bench.write("times 3", 3.0);
    bench.describe("m", "1");
    assert!(!bench.repository.is_ready());
    assert_eq!(bench.ask("m", None).unwrap_err().kind(), ErrorKind::Unavailable);
    bench.repository.load("m", None).unwrap();
    assert!(bench.repository.is_ready());
    assert_eq!(bench.ask("m", None), Ok(3.0));
    let version = bench.repository.find("m", None).unwrap();
    assert_eq!(version.goldens().unwrap().rows.len(), 2);
    assert_eq!(version.sha256(), hex_sha256(&onnx("times 3")));
    assert!(version.batching().is_ok());
    assert_eq!(version.statistics().inference_count, 1, "proving it is not counted");
}

#[test]
fn a_model_that_does_not_is_refused() {
    let bench = Bench::new();
    bench.write("times 3", 4.0);
    let error = refused(&bench);
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("PyTorch"), "{error}");
}

#[test]
fn the_stages_own_tolerance_counts() {
    let bench = Bench::new();
    let (model, golden) = (onnx("times 3.3"), goldens(3.0));
    fs::write(bench.path("m.onnx"), &model).unwrap();
    fs::write(bench.path("m.golden.safetensors"), &golden).unwrap();
    let mut listed = manifest("m", &model, &golden);
    listed["stages"][0]["tolerance"] = json!({"mae": 1.0, "cosine_similarity": 0.9});
    write_manifest(bench.folder.path(), "m", &listed);
    bench.describe("m", "1");
    bench.repository.load("m", None).unwrap();
}

#[test]
fn files_that_are_not_those_of_the_manifest_are_refused() {
    for spoilt in ["m.onnx", "m.golden.safetensors"] {
        let bench = Bench::new();
        bench.write("times 3", 3.0);
        let mut bytes = fs::read(bench.path(spoilt)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(bench.path(spoilt), bytes).unwrap();
        let error = refused(&bench);
        assert!(error.to_string().contains(spoilt), "{error}");
        assert!(error.to_string().contains("SHA-256"), "{error}");
    }
}

#[test]
fn what_is_missing_or_damaged_is_told_by_name() {
    for (spoil, told) in [
        ("m.onnx", "m.onnx"),
        ("m.golden.safetensors", "m.golden.safetensors"),
        ("m.oxv.json", "m.oxv.json"),
    ] {
        let bench = Bench::new();
        bench.write("times 3", 3.0);
        if spoil == "m.oxv.json" {
            fs::write(bench.path(spoil), "{").unwrap();
        } else {
            fs::remove_file(bench.path(spoil)).unwrap();
        }
        assert!(refused(&bench).to_string().contains(told), "{spoil}");
    }
}

#[test]
fn a_loader_that_panics_is_an_error() {
    let bench = Bench::new();
    bench.write("panic", 1.0);
    assert!(refused(&bench).to_string().contains("panics"));
}

#[test]
fn a_model_whose_queue_does_not_answer_is_refused() {
    let bench = Bench::new();
    // Two goldens, and both in one batch.
    bench.write("tires 3", 1.0);
    let error = refused(&bench);
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("through its queue"), "{error}");
}

#[test]
fn a_file_that_changes_while_it_is_loaded_is_refused() {
    let bench = Bench::new();
    bench.write("changes it", 1.0);
    assert!(refused(&bench).to_string().contains("m.onnx was changed"));
}

#[test]
fn a_model_without_a_manifest_is_run_before_it_serves() {
    let bench = Bench::new();
    fs::write(bench.path("m.onnx"), onnx("times 2")).unwrap();
    bench.describe("m", "1");
    bench.repository.load("m", None).unwrap();
    assert_eq!(bench.ask("m", None), Ok(2.0));
    assert!(bench.repository.find("m", None).unwrap().goldens().is_none());
}

#[test]
fn a_model_that_the_program_carries_is_proved_too() {
    let bench = Bench::new();
    let carried = |factor: f32| Description {
        name: "m".into(),
        version: "1".into(),
        source: Source::Bytes {
            file: "m.onnx".into(),
            model: onnx("times 2").into(),
            goldens: Some(goldens(factor).into()),
            manifest: None,
        },
        runner: "test".into(),
        settings: ModelSettings { engines: 1, threads: 1, ..ModelSettings::default() },
    };
    bench.repository.describe(carried(3.0)).unwrap();
    assert!(bench.repository.load("m", None).is_err());
    bench.repository.describe(carried(2.0)).unwrap();
    bench.repository.load("m", None).unwrap();
    assert_eq!(bench.ask("m", None), Ok(2.0));
}

#[test]
fn the_manifest_that_is_carried_says_what_is_equal_and_for_which_file() {
    let bench = Bench::new();
    let (model, goldens) = (onnx("times 2"), goldens(2.1));
    let cause = |manifest: &serde_json::Value| {
        let description = Description {
            name: "m".into(),
            version: "1".into(),
            source: Source::Bytes {
                file: "m.onnx".into(),
                model: model.clone().into(),
                goldens: Some(goldens.clone().into()),
                manifest: Some(manifest.to_string().into_bytes().into()),
            },
            runner: "test".into(),
            settings: ModelSettings { engines: 1, threads: 1, ..ModelSettings::default() },
        };
        bench.repository.describe(description).unwrap();
        bench.repository.load_all().first().map(|failure| failure.cause)
    };
    let mut manifest = manifest("m", &model, &goldens);
    assert_eq!(cause(&manifest), Some("check_failed"));
    manifest["tolerance"] = serde_json::json!({"mae": 1.0, "cosine_similarity": 0.9});
    assert_eq!(cause(&manifest), None);
    manifest["stages"][0]["output"]["sha256"] = "00".into();
    assert_eq!(cause(&manifest), Some("check_failed"));
    assert_eq!(cause(&serde_json::json!({})), Some("corrupt"));
}

#[test]
fn a_failure_has_the_kind_that_the_client_has_for_it() {
    let cause = |bench: &Bench| {
        bench.describe("m", "1");
        bench.repository.load_all()[0].cause
    };
    let bench = Bench::new();
    bench.write("times 3", 4.0);
    assert_eq!(cause(&bench), "check_failed");
    bench.write("panic", 1.0);
    assert_eq!(cause(&bench), "panicked");
    fs::remove_file(bench.path("m.golden.safetensors")).unwrap();
    assert_eq!(cause(&bench), "not_found");
    fs::write(bench.path("m.oxv.json"), "{}").unwrap();
    assert_eq!(cause(&bench), "corrupt");
}
