//! Compares the library's own answers with those that PyTorch gave.
use @{lib}::Model;

#[test]
fn the_library_gives_what_pytorch_gave() {
    let model = Model::load().unwrap_or_else(|error| panic!("{error}"));
    let report = model.prove().unwrap_or_else(|error| panic!("{error}"));
    println!("{report}");
    assert!(report.passed(), "{report}");
}
