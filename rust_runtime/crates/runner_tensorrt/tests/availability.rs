//! What is there, and what to do where it is not.
#![cfg(unix)]

mod support;

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use runner_core::{Availability, Backend, Device, LoadErrorKind, Precision, RunnerConfig};
use runner_tensorrt::{TensorRtAt, Tools};
use support::StandIn;

const GPUS: [&str; 2] = ["NVIDIA A10 (UUID: GPU-a)", "NVIDIA A10 (UUID: GPU-b)"];

fn at(stand_in: &StandIn, trtexec: Option<PathBuf>, visible: Option<&str>) -> TensorRtAt {
    let search = stand_in.folder.clone().into_os_string();
    TensorRtAt(Tools { trtexec, search, visible: visible.map(str::to_owned) })
}

fn hint(backend: &TensorRtAt) -> String {
    match backend.check() {
        Availability::Missing { hint } => hint,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_version_found_is_told() {
    for version in ["8.6.1", "9.3.0", "10.13.3", "11.1.0"] {
        let stand_in = StandIn::new(version, &GPUS);
        let backend = at(&stand_in, None, None);
        assert_eq!(backend.check(), Availability::Ready { version: version.into() });
        let can = backend.capabilities();
        assert_eq!(can.devices, [Device::Cuda(0), Device::Cuda(1)]);
        assert_eq!(can.precisions.contains(&Precision::Fp16), version != "11.1.0");
    }
}

#[test]
fn what_is_missing_is_said_with_the_way_out() {
    let stand_in = StandIn::new("10.3.0", &GPUS);
    let nowhere = TensorRtAt(Tools::default());
    assert!(hint(&nowhere).contains("no trtexec on PATH"), "{}", hint(&nowhere));

    let wrong = at(&stand_in, Some("/no/such/trtexec".into()), None);
    assert!(hint(&wrong).contains("TRTEXEC is /no/such/trtexec"), "{}", hint(&wrong));

    let text = stand_in.folder.join("text");
    fs::write(&text, "not a program").unwrap();
    assert!(hint(&at(&stand_in, Some(text.clone()), None)).contains("no program"));
    fs::set_permissions(&text, fs::Permissions::from_mode(0o755)).unwrap();
    let unrunnable = hint(&at(&stand_in, Some(text), None));
    assert!(unrunnable.contains("does not run") || unrunnable.contains("does not say"));

    let fails = hint(&at(&stand_in, Some("/bin/false".into()), None));
    assert!(fails.contains("does not run") && fails.contains("TRTEXEC"), "{fails}");
    let silent = StandIn::behaving("10.3.0", &GPUS, "silent");
    let silent = hint(&at(&silent, None, None));
    assert!(silent.contains("does not say a version"), "{silent}");
}

#[test]
fn versions_outside_the_table_are_refused() {
    for version in ["7.2.1", "8.5.3", "12.0.0"] {
        let stand_in = StandIn::new(version, &GPUS);
        let hint = hint(&at(&stand_in, None, None));
        assert!(hint.contains(version) && hint.contains("8.6 to 11"), "{hint}");
    }
}

#[test]
fn without_a_gpu_there_is_no_tensorrt() {
    let stand_in = StandIn::new("10.3.0", &[]);
    let none = hint(&at(&stand_in, None, None));
    assert!(none.contains("no NVIDIA GPU"), "{none}");
    let hidden = StandIn::new("10.3.0", &GPUS);
    let hidden = hint(&at(&hidden, None, Some("-1")));
    assert!(hidden.contains("CUDA_VISIBLE_DEVICES"), "{hidden}");
}

#[test]
fn only_gpus_that_are_there_and_visible_are_used() {
    let stand_in = StandIn::new("10.3.0", &GPUS);
    let load = |backend: &TensorRtAt, device| {
        let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/models/residual.onnx");
        let mut config = RunnerConfig { device, ..RunnerConfig::from_path(model) };
        config.options.insert("cache_dir".into(), stand_in.cache().to_str().unwrap().into());
        backend.load(&config).map(|runner| runner.info().device)
    };
    let both = at(&stand_in, None, None);
    assert_eq!(load(&both, Device::Cuda(1)).unwrap(), Device::Cuda(1));
    let second = at(&stand_in, None, Some("GPU-b"));
    assert_eq!(load(&second, Device::Cuda(0)).unwrap(), Device::Cuda(0));
    for (backend, device) in
        [(&both, Device::Cuda(2)), (&second, Device::Cuda(1)), (&both, Device::Cpu)]
    {
        let error = load(backend, device).unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::DeviceUnavailable);
        assert!(error.to_string().contains("cuda:0"), "{error}");
    }
    let bytes = RunnerConfig { device: Device::Cuda(0), ..RunnerConfig::from_bytes("m", vec![]) };
    let error = both.load(&bytes).err().unwrap();
    assert_eq!(error.kind(), LoadErrorKind::Corrupt);
}
