//! Compares the server's answers over HTTP with those that PyTorch gave.
use std::path::Path;

#[test]
fn the_server_gives_what_pytorch_gave() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checked = inference_server::golden::check(
        Path::new(env!("CARGO_BIN_EXE_@{name}")),
        &[],
        (
            &folder.join("@{model}"),
            &folder.join("model.golden.safetensors"),
            &folder.join("model.oxv.json"),
        ),
    );
    match checked {
        Ok(report) => println!("{report}"),
        Err(error) => panic!("{error}"),
    }
}
