use runner_core::{Tensor, f16};

/// The entry of an output in the file of `--exportOutput`, as `exportJSONOutput` writes it: names
/// without escapes, six digits, bytes of `uint8` as they are.
pub(crate) fn entry(first: bool, name: &str, tensor: &Tensor) -> Vec<u8> {
    let dims: Vec<String> = tensor.shape().iter().map(ToString::to_string).collect();
    let separator = if first { "  " } else { ", " };
    let mut bytes = format!(
        "{separator}{{ \"name\" : \"{name}\"\n  , \"dimensions\" : \"{}\"\n  , \"values\" : [ ",
        dims.join("x")
    )
    .into_bytes();
    bytes.extend(values(tensor).join(&b", "[..]));
    bytes.extend(b" ]\n  }\n");
    bytes
}

fn values(tensor: &Tensor) -> Vec<Vec<u8>> {
    let text = |text: String| text.into_bytes();
    match tensor {
        Tensor::F32(array) => array.iter().map(|&it| text(stream(f64::from(it)))).collect(),
        Tensor::F16(array) => array.iter().map(|&it| text(stream(f16::to_f64(it)))).collect(),
        Tensor::F64(array) => array.iter().map(|&it| text(stream(it))).collect(),
        Tensor::I8(array) => array.iter().map(|it| text(it.to_string())).collect(),
        Tensor::U8(array) => array.iter().map(|&it| vec![it]).collect(),
        Tensor::I32(array) => array.iter().map(|it| text(it.to_string())).collect(),
        Tensor::I64(array) => array.iter().map(|it| text(it.to_string())).collect(),
        Tensor::Bool(array) => array.iter().map(|&it| text(u8::from(it).to_string())).collect(),
    }
}

/// What `std::ostream << value` prints: `%g` with six digits.
fn stream(value: f64) -> String {
    if value.is_nan() {
        return if value.is_sign_negative() { "-nan".to_owned() } else { "nan".to_owned() };
    }
    if !value.is_finite() || value == 0.0 {
        return value.to_string();
    }
    let scientific = format!("{value:.5e}");
    let (digits, exponent) = scientific.split_once('e').expect("it has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    if (-4..6).contains(&exponent) {
        return trimmed(&format!("{value:.*}", (5 - exponent) as usize)).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(digits), exponent.abs())
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}
