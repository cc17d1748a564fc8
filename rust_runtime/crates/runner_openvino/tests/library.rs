//! Proves that the library is found where it may stand, and that one that is missing or wrong is
//! told with the way out. Every case is a process of its own: the library stays once it is loaded.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use runner_core::{Availability, Backend, LoadErrorKind, RunnerConfig};
use runner_openvino::OpenvinoBackend;

const VARIABLE: &str = "OPENVINO_DYLIB_PATH";
const SAYS: &str = "found: ";

#[test]
#[ignore = "the others run it in processes of their own"]
fn says_what_it_finds() {
    let answer = match OpenvinoBackend.check() {
        Availability::Ready { version } => format!("ready {version}"),
        Availability::Missing { hint } => {
            let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/models/pair.onnx");
            let error = OpenvinoBackend.load(&RunnerConfig::from_path(model)).err().unwrap();
            assert_eq!(error.kind(), LoadErrorKind::BackendUnavailable);
            assert!(error.to_string().contains(&hint), "{error}");
            format!("missing {hint}")
        }
        Availability::NotBuilt { .. } => "not built".to_owned(),
    };
    println!("\n{SAYS}{}", answer.replace('\n', " "));
}

/// What a process finds whose environment has nothing of OpenVINO but `variable`.
fn found(program: &Path, variable: Option<&Path>) -> String {
    let mut command = Command::new(program);
    command.args(["says_what_it_finds", "--exact", "--ignored", "--nocapture"]);
    for name in [VARIABLE, "LD_LIBRARY_PATH", "OPENVINO_INSTALL_DIR", "INTEL_OPENVINO_DIR"] {
        command.env_remove(name);
    }
    command.envs(variable.map(|path| (VARIABLE, path)));
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.lines().find_map(|line| line.strip_prefix(SAYS)).unwrap().to_owned()
}

fn this_program() -> PathBuf {
    env::current_exe().unwrap()
}

#[test]
fn a_path_that_leads_nowhere_is_named() {
    let hint = found(&this_program(), Some(Path::new("no/such/libopenvino_c.so")));
    assert!(hint.starts_with("missing ") && hint.contains("no/such/libopenvino_c.so"), "{hint}");
    assert!(hint.contains(VARIABLE), "{hint}");
}

#[test]
fn a_file_that_is_no_library_is_named_with_the_way_out() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let hint = found(&this_program(), Some(Path::new(manifest)));
    assert!(hint.contains("Cargo.toml") && hint.contains("cannot be opened"), "{hint}");
    assert!(hint.contains("pip install openvino"), "{hint}");
}

#[test]
#[cfg(unix)]
fn a_pipe_or_a_folder_is_no_library_and_nobody_waits() {
    let pipe = env::temp_dir().join(format!("oxv-openvino-pipe-{}", std::process::id()));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), Path::new(env!("CARGO_MANIFEST_DIR"))] {
        let hint = found(&this_program(), Some(path));
        assert!(hint.starts_with("missing ") && hint.contains(path.to_str().unwrap()), "{hint}");
    }
    fs::remove_file(pipe).unwrap();
}

#[test]
fn without_an_installation_the_hint_says_how_to_get_one() {
    let answer = found(&this_program(), None);
    let ready = answer.starts_with("ready 20");
    assert!(ready || answer.contains("pip install openvino"), "{answer}");
}

/// The library of this machine, where the environment names one.
fn installed() -> Option<PathBuf> {
    env::var_os(VARIABLE).map(PathBuf::from).filter(|path| path.is_file())
}

#[test]
fn the_variable_is_enough() {
    let Some(library) = installed() else { return };
    let answer = found(&this_program(), Some(&library));
    assert!(answer.starts_with("ready 20") && !answer.contains('-'), "{answer}");
}

#[test]
#[cfg(unix)]
fn a_library_beside_the_program_is_found_under_its_versioned_name() {
    let Some(library) = installed() else { return };
    let folder = env::temp_dir().join(format!("oxv-openvino-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for file in library.parent().unwrap().read_dir().unwrap() {
        let file = file.unwrap();
        std::os::unix::fs::symlink(file.path(), folder.join(file.file_name())).unwrap();
    }
    let program = folder.join("program");
    fs::copy(this_program(), &program).unwrap();
    let answer = found(&program, None);
    fs::remove_dir_all(&folder).unwrap();
    assert!(answer.starts_with("ready 20"), "{answer}");
}
