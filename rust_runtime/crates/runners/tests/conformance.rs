//! Every engine of this build passes the one suite; what sets an engine apart is written here.

use std::path::PathBuf;

use runner_core::Device;
use runner_testkit::{Exception, Profile, run};

fn profile(exceptions: &'static [Exception]) -> Profile {
    let testdata = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../testdata");
    Profile { testdata, format: "onnx", device: Device::Cpu, tolerance: 1e-6, exceptions }
}

fn conforms(engine: &str, profile: &Profile) {
    let backend = runners::backend(engine).unwrap();
    let report = run(backend, profile);
    assert!(report.passed(), "{report}");
}

#[test]
#[cfg(feature = "tract")]
fn tract_conforms() {
    conforms("tract", &profile(&[]));
}

#[test]
#[cfg(feature = "rten")]
fn rten_conforms() {
    let exceptions = &[
        Exception { case: "dtype/f64", reason: "rten computes in f32 at most" },
        Exception { case: "profile/nodes", reason: "rten only prints what its nodes take" },
    ];
    conforms("rten", &profile(exceptions));
}

#[test]
#[cfg(feature = "ort")]
fn ort_conforms() {
    let exceptions = &[Exception {
        case: "info/symbols",
        reason: "ONNX Runtime follows no symbol through a convolution: the file's names stay",
    }];
    conforms("ort", &profile(exceptions));
}

#[test]
#[cfg(feature = "openvino")]
fn openvino_conforms() {
    let exceptions = &[Exception { case: "dtype/f64", reason: "its plugin computes in f32" }];
    conforms("openvino", &profile(exceptions));
}

#[test]
#[cfg(feature = "tch")]
fn tch_conforms() {
    let exceptions = &[Exception {
        case: "profile/nodes",
        reason: "a TorchScript file has no ONNX nodes that times could be told by",
    }];
    conforms("tch", &Profile { format: "pt", ..profile(exceptions) });
}

#[cfg(all(feature = "tensorrt", unix))]
#[path = "../../runner_tensorrt/tests/support/mod.rs"]
mod tensorrt;

/// The engine looks at its environment, which a test can set for another process only: this one
/// starts itself once more for each version.
#[test]
#[cfg(all(feature = "tensorrt", unix))]
fn tensorrt_conforms_on_the_stand_in() {
    const INSIDE: &str = "OXV_TEST_CONFORMANCE";
    if std::env::var_os(INSIDE).is_some() {
        let exceptions = &[
            Exception { case: "info/symbols", reason: "trtexec tells shapes of runs, not symbols" },
            Exception { case: "dtype/f64", reason: "TensorRT computes in f32 at most" },
            Exception { case: "dtype/i8", reason: "TensorRT has it for quantised values only" },
            Exception { case: "dtype/u8", reason: "TensorRT casts u8 and does nothing else to it" },
            Exception { case: "profile/nodes", reason: "trtexec's times by layer are not read" },
        ];
        return conforms("tensorrt", &Profile { device: Device::Cuda(0), ..profile(exceptions) });
    }
    for version in ["8.6.1", "9.3.0", "10.3.0", "11.1.0"] {
        let stand_in = tensorrt::StandIn::new(version, &["Stand-in GPU (UUID: GPU-a)"]);
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tensorrt_conforms_on_the_stand_in", "--nocapture"])
            .env(INSIDE, "1")
            .env("TRTEXEC", stand_in.trtexec())
            .env("PATH", &stand_in.folder)
            .env("OXIDIZEDVISION_HOME", &stand_in.folder)
            .env_remove("CUDA_VISIBLE_DEVICES")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "TensorRT {version}: {said}");
    }
}

#[test]
#[cfg(feature = "rten")]
fn the_suite_reports_every_failing_case_and_every_idle_excuse() {
    static EXCUSES: [Exception; 2] = [
        Exception { case: "golden/pair", reason: "none" },
        Exception { case: "golden/none", reason: "none" },
    ];
    let mut profile = profile(&EXCUSES);
    profile.tolerance = -1.0;
    let report = run(runners::backend("rten").unwrap(), &profile);
    let failing: Vec<&str> = report.failures().iter().map(|(case, _)| case.as_str()).collect();
    for case in ["golden/none", "golden/residual", "golden/dynamic", "dtype/f64"] {
        assert!(failing.contains(&case), "{report}");
    }
    assert!(!failing.contains(&"golden/pair"), "an excused failure is no failure: {report}");
}

/// The engines do not say their versions, so the crates repeat what Cargo.lock pins.
#[test]
#[cfg(all(feature = "tract", feature = "rten"))]
fn versions_are_those_of_the_lock_file() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock"));
    let lock = lock.unwrap();
    for (engine, package) in [("tract", "tract-onnx"), ("rten", "rten")] {
        let runner_core::Availability::Ready { version } =
            runners::backend(engine).unwrap().check()
        else {
            panic!("{engine} is not ready");
        };
        let entry = format!("name = \"{package}\"\nversion = \"{version}\"\n");
        assert!(lock.contains(&entry), "{engine} says {version}, Cargo.lock does not");
    }
}
