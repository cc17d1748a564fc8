//! Prints what reading and writing one tensor of 600 kB costs, in binary and in JSON.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use inference_server::{
    InferReply, Limits, Timing,
    protocol::{Content, ReplyForm, Target, infer, predict},
};
use runner_core::{DType, Device, Dim, ModelInfo, TensorSpec};

const SHAPE: [usize; 4] = [1, 3, 224, 224];

fn info() -> ModelInfo {
    let dims =
        || vec![Dim::Symbol("n".to_owned()), Dim::Fixed(3), Dim::Fixed(224), Dim::Fixed(224)];
    let spec = |name: &str| TensorSpec { name: name.to_owned(), dtype: DType::F32, dims: dims() };
    ModelInfo {
        model: "m.onnx".to_owned(),
        backend: "none".to_owned(),
        backend_version: "0".to_owned(),
        inputs: vec![spec("x")],
        outputs: vec![spec("x")],
        threads: 1,
        device: Device::Cpu,
        axes: std::collections::BTreeMap::new(),
    }
}

/// The median of some runs.
fn print(name: &str, bytes: usize, mut run: impl FnMut()) {
    let mut times: Vec<Duration> = (0..41)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("{name:24} {bytes:9} bytes  {:8.1} us", times[20].as_secs_f64() * 1e6);
}

fn main() {
    let info = info();
    let target = Target { name: "m", version: "1", info: &info, pictures: None };
    let limits = Limits::default();
    let count: usize = SHAPE.iter().product();
    let values: Vec<f32> = (0..count).map(|index| (index as f32 * 0.37).sin() * 2.0).collect();
    let size = count * 4;
    let head = format!(r#"{{"inputs":[{{"name":"x","datatype":"FP32","shape":{SHAPE:?}"#);
    let binary_head = format!(r#"{head},"parameters":{{"binary_data_size":{size}}}}}]}}"#);
    let raw = values.iter().flat_map(|value| value.to_le_bytes());
    let binary: Vec<u8> = binary_head.bytes().chain(raw).collect();
    let length = binary_head.len().to_string();
    let texts: Vec<String> = values.iter().map(f32::to_string).collect();
    let json = format!("{head},\"data\":[{}]}}]}}", texts.join(","));
    let short = format!("{{\"input\":[{}]}}", texts.join(","));

    let read = || infer::read(&binary, Some(&length), &target, &limits).unwrap();
    print("read binary", binary.len(), || drop(black_box(read())));
    print("read JSON", json.len(), || {
        drop(black_box(infer::read(json.as_bytes(), None, &target, &limits).unwrap()));
    });
    print("read /predict JSON", short.len(), || {
        let form = predict::scan(short.as_bytes(), &limits).unwrap();
        drop(black_box(form.read(&target, &limits).unwrap()));
    });
    let Content::Tensors(outputs) = read().content else { return };
    let timing = Timing { queue: Duration::ZERO, compute: Duration::ZERO, batch_size: 1 };
    let reply = InferReply { outputs, timing };
    for (name, binary) in [("write binary", true), ("write JSON", false)] {
        let form = ReplyForm { binary, by_output: Vec::new() };
        let write = || infer::write("m", "1", None, &reply, &form).unwrap().body;
        print(name, write().len(), || drop(black_box(write())));
    }
    let copy = vec![1u8; size];
    print("a bare copy", size, || drop(black_box(black_box(&copy).clone())));
}
