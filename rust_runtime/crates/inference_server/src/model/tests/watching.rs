use super::*;
use crate::model::{Change, Format, Watch, Watcher};

fn watch(bench: &Bench) -> Watch {
    let settings = ModelSettings { engines: 1, threads: 1, ..ModelSettings::default() };
    Watch::new(bench.folder.path().to_owned(), Format::Onnx, "test", settings)
}

fn told(changes: &[Change]) -> Vec<String> {
    let told = changes.iter().map(|change| match change {
        Change::Loaded(name, version) => format!("loaded {name} {version}"),
        Change::Failed(name, version, _) => format!("failed {name} {version}"),
        Change::Unloaded(name, version) => format!("unloaded {name} {version}"),
    });
    told.collect()
}

#[test]
fn models_come_change_and_go_with_their_manifests() {
    let bench = Bench::new();
    let mut watch = watch(&bench);
    assert!(watch.look(&bench.repository).is_empty());
    bench.write("times 2", 2.0);
    assert_eq!(told(&watch.look(&bench.repository)), ["loaded m 1"]);
    assert!(watch.look(&bench.repository).is_empty());
    bench.write("times 3", 3.0);
    assert_eq!(told(&watch.look(&bench.repository)), ["loaded m 1"]);
    assert_eq!(bench.ask("m", None), Ok(3.0));
    fs::remove_file(bench.path("m.oxv.json")).unwrap();
    assert_eq!(told(&watch.look(&bench.repository)), ["unloaded m 1"]);
    assert!(bench.ask("m", None).is_err());
}

#[test]
fn a_model_without_its_manifest_is_never_read() {
    let bench = Bench::new();
    let mut watch = watch(&bench);
    bench.write("times 2", 2.0);
    watch.look(&bench.repository);
    fs::write(bench.path("m.onnx"), b"half of a file").unwrap();
    fs::write(bench.path("n.onnx"), b"half of a file").unwrap();
    assert!(watch.look(&bench.repository).is_empty());
    assert_eq!(bench.ask("m", None), Ok(2.0));
}

#[test]
fn a_file_that_comes_after_its_manifest_is_waited_for() {
    let bench = Bench::new();
    let mut watch = watch(&bench);
    bench.write("times 2", 2.0);
    watch.look(&bench.repository);
    let (model, golden) = (onnx("times 3"), goldens(3.0));
    write_manifest(bench.folder.path(), "m", &manifest("m", &model, &golden));
    assert_eq!(told(&watch.look(&bench.repository)), ["failed m 1"]);
    assert_eq!(bench.ask("m", None), Ok(2.0));
    fs::write(bench.path("m.onnx"), model).unwrap();
    fs::write(bench.path("m.golden.safetensors"), golden).unwrap();
    assert_eq!(told(&watch.look(&bench.repository)), ["loaded m 1"]);
    assert_eq!(bench.ask("m", None), Ok(3.0));
}

#[test]
fn what_cannot_be_loaded_is_not_tried_for_ever() {
    let bench = Bench::new();
    let mut watch = watch(&bench);
    bench.write("times 2", 3.0);
    let tries = (0..20).filter(|_| !watch.look(&bench.repository).is_empty()).count();
    assert_eq!(tries, 5);
    bench.write("times 2", 2.0);
    assert_eq!(told(&watch.look(&bench.repository)), ["loaded m 1"]);
}

#[test]
fn what_was_given_up_is_tried_again_when_a_file_comes_or_changes() {
    let bench = Bench::new();
    let mut watch = watch(&bench);
    let given_up = |watch: &mut Watch| {
        for _ in 0..10 {
            watch.look(&bench.repository);
        }
        assert!(watch.look(&bench.repository).is_empty());
    };
    let (model, golden) = (onnx("times 3"), goldens(3.0));
    write_manifest(bench.folder.path(), "m", &manifest("m", &model, &golden));
    given_up(&mut watch);
    fs::write(bench.path("m.golden.safetensors"), golden).unwrap();
    fs::write(bench.path("m.onnx"), b"damaged").unwrap();
    assert_eq!(told(&watch.look(&bench.repository)), ["failed m 1"]);
    given_up(&mut watch);
    fs::write(bench.path("m.onnx"), model).unwrap();
    assert_eq!(told(&watch.look(&bench.repository)), ["loaded m 1"]);
    assert_eq!(bench.ask("m", None), Ok(3.0));
}

#[test]
fn versions_lie_in_folders_of_their_model() {
    let bench = Bench::new();
    let mut watch = watch(&bench);
    for (version, factor) in [("1", 1.0), ("12", 12.0)] {
        let folder = bench.path("net").join(version);
        fs::create_dir_all(&folder).unwrap();
        write_model(&folder, "whatever", &format!("times {factor}"), factor);
    }
    assert_eq!(told(&watch.look(&bench.repository)), ["loaded net 1", "loaded net 12"]);
    assert_eq!(bench.ask("net", None), Ok(12.0));
    fs::remove_dir_all(bench.path("net/12")).unwrap();
    assert_eq!(told(&watch.look(&bench.repository)), ["unloaded net 12"]);
    assert_eq!(bench.ask("net", None), Ok(1.0));
}

#[test]
fn a_watcher_looks_by_itself_until_it_is_dropped() {
    let bench = Bench::new();
    bench.write("times 2", 2.0);
    let (tell, heard) = std::sync::mpsc::channel();
    let report = move |change: &Change| {
        let _ = tell.send(told(std::slice::from_ref(change)));
    };
    let repository = Arc::clone(&bench.repository);
    let period = Duration::from_millis(1);
    let watcher = Watcher::start(watch(&bench), repository, period, report).unwrap();
    assert_eq!(heard.recv().unwrap(), [["loaded m 1"]].concat());
    bench.write("times 3", 3.0);
    while heard.recv().unwrap() != ["loaded m 1"] {}
    assert_eq!(bench.ask("m", None), Ok(3.0));
    drop(watcher);
    assert!(heard.recv().is_err(), "the thread has ended");
}
