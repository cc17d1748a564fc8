use super::*;
use crate::{ErrorKind, model::State};

fn loaded(bench: &Bench, text: &str, factor: f32) {
    bench.write(text, factor);
    bench.describe("m", "1");
    bench.repository.load("m", None).unwrap();
}

#[test]
fn a_newer_file_takes_the_place_of_the_older_one_at_once() {
    let bench = Bench::new();
    loaded(&bench, "times 2", 2.0);
    let old = bench.repository.find("m", None).unwrap();
    loaded(&bench, "times 3", 3.0);
    assert_eq!(bench.ask("m", None), Ok(3.0));
    // Whoever holds the old one is still served by it.
    let reply = old.infer(InferRequest::new(input(&[1, 2], 1.0))).unwrap().wait().unwrap();
    assert_eq!(values(&reply.outputs[0].1)[0], 2.0);
}

#[test]
fn the_old_version_ends_with_its_last_request() {
    let bench = Bench::new();
    loaded(&bench, "gated 1", 1.0);
    let gate = bench.gates.lock().unwrap().pop().unwrap();
    let old = bench.repository.find("m", None).unwrap();
    let ending = old.ending();
    let pending = old.infer(InferRequest::new(input(&[1, 2], 5.0))).unwrap();
    drop(old);
    gate.entered();
    loaded(&bench, "times 3", 3.0);
    assert_eq!(bench.ask("m", None), Ok(3.0));
    assert!(!ending.wait(Instant::now()));
    gate.open();
    assert_eq!(values(&pending.wait().unwrap().outputs[0].1)[0], 5.0);
    assert!(ending.wait(soon()));
}

#[test]
fn a_load_that_fails_changes_nothing_and_tells_why() {
    let bench = Bench::new();
    loaded(&bench, "times 2", 2.0);
    bench.write("times 3", 2.0);
    assert!(bench.repository.load("m", None).is_err());
    assert_eq!(bench.ask("m", None), Ok(2.0));
    assert!(bench.repository.is_ready());
    let index = bench.repository.index();
    assert_eq!(index[0].state, "READY");
    assert!(index[0].reason.contains("PyTorch"), "{}", index[0].reason);
    let text = bench.repository.metrics().text();
    for line in [r#"version="1",kind="done"} 1"#, r#"version="1",kind="failed"} 1"#] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn no_request_is_lost_while_models_are_swapped() {
    let bench = Bench::new();
    loaded(&bench, "times 2", 2.0);
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut asked = 0;
            while asked < 200 || bench.loads.load(Ordering::SeqCst) < 20 {
                let answer = bench.ask("m", None);
                assert!(
                    matches!(answer, Ok(factor) if factor == 2.0 || factor == 3.0),
                    "{answer:?}"
                );
                asked += 1;
            }
            asked
        });
        for turn in 0..20 {
            let factor = if turn % 2 == 0 { 3.0 } else { 2.0 };
            loaded(&bench, &format!("times {factor}"), factor);
        }
        asking.join().unwrap()
    });
    assert!(asked >= 200);
}

#[test]
fn an_unloaded_model_answers_what_it_took_and_nothing_more() {
    let bench = Bench::new();
    loaded(&bench, "times 2", 2.0);
    let version = bench.repository.find("m", None).unwrap();
    let pending = version.infer(InferRequest::new(input(&[1, 2], 1.0))).unwrap();
    drop(version);
    bench.repository.unload("m", None, soon()).unwrap();
    assert!(pending.wait().is_ok());
    assert_eq!(bench.ask("m", None).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(bench.repository.state("m", None), Ok(State::Unavailable));
    assert!(bench.repository.index()[0].reason.contains("unloaded"));
    assert!(bench.repository.is_ready(), "it was meant to go");
    assert!(!bench.repository.metrics().text().contains("model_info{"));
    bench.repository.load("m", None).unwrap();
    assert_eq!(bench.ask("m", None), Ok(2.0));
}

#[test]
fn the_highest_version_serves_those_who_name_none() {
    let bench = Bench::new();
    for (version, factor) in [("9", 9.0), ("10", 10.0), ("2", 2.0)] {
        bench.write(&format!("times {factor}"), factor);
        bench.describe("m", version);
        bench.repository.load("m", Some(version)).unwrap();
    }
    assert_eq!(bench.repository.versions("m"), ["2", "9", "10"]);
    assert_eq!(bench.ask("m", None), Ok(10.0));
    assert_eq!(bench.ask("m", Some("9")), Ok(9.0));
    bench.repository.unload("m", Some("10"), soon()).unwrap();
    assert_eq!(bench.ask("m", None), Ok(9.0));
    let error = bench.ask("m", Some("10")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[test]
fn what_is_not_known_is_not_found() {
    let bench = Bench::new();
    assert_eq!(bench.repository.find_only().unwrap_err().kind(), ErrorKind::NotFound);
    loaded(&bench, "times 2", 2.0);
    assert_eq!(bench.repository.find_only().unwrap().name(), "m");
    let long = "x".repeat(10_000);
    for (name, version) in [("n", None), ("m", Some("7")), (long.as_str(), None)] {
        let error = bench.ask(name, version).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().len() < 200);
        assert_eq!(bench.repository.load(name, version).unwrap_err().kind(), ErrorKind::NotFound);
    }
    bench.describe("other", "1");
    let error = bench.repository.find_only().unwrap_err();
    assert!(error.to_string().contains("m, other"), "{error}");
}

#[test]
fn a_server_that_drains_is_not_ready_and_still_answers() {
    let bench = Bench::new();
    loaded(&bench, "times 2", 2.0);
    bench.repository.begin_drain();
    assert!(!bench.repository.is_ready());
    assert_eq!(bench.ask("m", None), Ok(2.0));
    assert_eq!(bench.repository.load("m", None).unwrap_err().kind(), ErrorKind::Unavailable);
    let version = bench.repository.find("m", None).unwrap();
    let pending = version.infer(InferRequest::new(input(&[1, 2], 1.0))).unwrap();
    drop(version);
    assert!(bench.repository.close(soon()));
    assert!(pending.wait().is_ok());
    assert!(bench.ask("m", None).is_err());
}

#[test]
fn reloads_leave_no_engine_behind() {
    let bench = Bench::new();
    let mut endings = Vec::new();
    for turn in 0..20 {
        loaded(&bench, &format!("times {turn}.5"), turn as f32 + 0.5);
        endings.push(bench.repository.find("m", None).unwrap().ending());
    }
    let last = endings.pop().unwrap();
    assert!(endings.iter().all(|ending| ending.wait(soon())));
    assert!(!last.wait(Instant::now()));
    let text = bench.repository.metrics().text();
    assert_eq!(text.matches("model_info{").count(), 1, "{text}");
}

#[test]
fn everything_that_is_known_is_loaded_and_what_failed_is_told() {
    let bench = Bench::new();
    bench.write("times 2", 2.0);
    bench.describe("m", "1");
    bench
        .repository
        .describe(Description {
            name: "lost".into(),
            version: "1".into(),
            source: Source::File(bench.path("nowhere.onnx")),
            runner: "test".into(),
            settings: ModelSettings::default(),
        })
        .unwrap();
    let failed = bench.repository.load_all();
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].error.model(), failed[0].cause), (Some("lost"), "not_found"));
    assert_eq!(bench.ask("m", None), Ok(2.0));
    assert!(!bench.repository.is_ready());
}
