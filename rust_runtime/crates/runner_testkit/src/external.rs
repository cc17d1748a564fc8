//! Weights in files beside the model: which files are read, and which are refused.

use std::{fs, path::Path};

use runner_core::{LoadErrorKind, RunnerConfig, Tensor, ndarray::arr1};
use tempfile::TempDir;

use crate::{Bench, Engine, Outcome, ensure, read, refusals::rejects};

/// The name that `hostile/outside_missing.onnx` has for a file with two floats.
const NAME: &str = "nothing.data";

pub(crate) fn check(bench: &mut Bench<'_>) {
    for (case, location) in [
        ("external/beside", NAME),
        ("external/without_ending", "nothing_data"),
        ("external/in_a_folder", "nothing/data"),
    ] {
        bench.case(case, |engine| reads(engine, location));
    }
    bench.case("external/past_end", |engine| {
        let place = |file: &Path| fs::write(file, [0; 7]);
        let message = refuses(engine, NAME, LoadErrorKind::Corrupt, place)?;
        ensure(message.contains(NAME) && message.contains('7'), || message)
    });
    bench.case("external/folder", |engine| {
        refuses(engine, NAME, LoadErrorKind::Unreadable, |file| fs::create_dir(file)).map(drop)
    });
    bench.case("external/nul", |engine| {
        refuses(engine, "nothing\0data", LoadErrorKind::Unreadable, |_| Ok(())).map(drop)
    });
    #[cfg(unix)]
    unix::check(bench);
}

#[cfg(unix)]
mod unix {
    use std::{fs, io, os::unix::fs::symlink, path::Path, process::Command};

    use runner_core::LoadErrorKind;

    use super::{NAME, refuses};
    use crate::Bench;

    type Place = fn(&Path) -> io::Result<()>;

    pub(super) fn check(bench: &mut Bench<'_>) {
        let cases: [(&str, LoadErrorKind, Place); 3] = [
            ("external/hard_link", LoadErrorKind::Corrupt, |file| {
                fs::hard_link(outside(file)?, file)
            }),
            ("external/link_out", LoadErrorKind::Corrupt, |file| symlink(outside(file)?, file)),
            ("external/pipe", LoadErrorKind::Unreadable, |file| {
                Command::new("mkfifo").env("PATH", "/usr/bin:/bin").arg(file).status().map(drop)
            }),
        ];
        for (case, kind, place) in cases {
            bench.case(case, |engine| refuses(engine, NAME, kind, place).map(drop));
        }
    }

    /// A file of the right length beside the model's folder.
    fn outside(file: &Path) -> io::Result<std::path::PathBuf> {
        let secret = file.parent().and_then(Path::parent).map(|root| root.join("secret"));
        let secret = secret.ok_or(io::ErrorKind::NotFound)?;
        fs::write(&secret, [0; 8])?;
        Ok(secret)
    }
}

/// A model in a folder of its own that has this name, as long as [`NAME`], for its second file.
fn model(engine: &Engine<'_>, location: &str) -> Result<(TempDir, RunnerConfig), String> {
    let mut bytes = read(&engine.file("hostile", "outside_missing"))?;
    let place = bytes.windows(NAME.len()).position(|window| window == NAME.as_bytes());
    let place = place.ok_or("outside_missing.onnx names another file")?;
    bytes[place..place + NAME.len()].copy_from_slice(location.as_bytes());
    let root = tempfile::tempdir().map_err(|error| error.to_string())?;
    let folder = root.path().join("model");
    let file = folder.join("m.onnx");
    fs::create_dir(&folder).and_then(|()| fs::write(&file, bytes)).map_err(|e| e.to_string())?;
    let config = engine.config_of(file);
    Ok((root, config))
}

fn second_file(root: &TempDir, location: &str) -> std::path::PathBuf {
    root.path().join("model").join(location)
}

fn reads(engine: &Engine<'_>, location: &str) -> Outcome {
    let (root, config) = model(engine, location)?;
    let file = second_file(&root, location);
    let weights = [2.0_f32, -3.0].map(f32::to_le_bytes).concat();
    let folder = file.parent().ok_or("no folder")?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&file, weights))
        .map_err(|error| error.to_string())?;
    let runner = engine.load(&config).map_err(|error| error.to_string())?;
    let inputs = vec![("x".to_owned(), Tensor::from(arr1(&[10.0_f32, 20.0]).into_dyn()))];
    let outputs = runner.run_named(inputs).map_err(|error| error.to_string())?;
    let expected = Tensor::from(arr1(&[12.0_f32, 17.0]).into_dyn());
    ensure(outputs[0].1 == expected, || format!("{:?}", outputs[0].1))
}

/// The message of the refusal, once its kind is the expected one.
fn refuses(
    engine: &Engine<'_>,
    location: &str,
    kind: LoadErrorKind,
    place: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<String, String> {
    let (root, config) = model(engine, location)?;
    place(&second_file(&root, location)).map_err(|error| error.to_string())?;
    rejects(engine, &config, kind)
}
