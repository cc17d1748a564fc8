//! The file of `--exportOutput`, which is nearly JSON.
//!
//! `exportJSONOutput` of `sampleReporting.cpp` writes names without escapes, numbers with the six
//! digits of a C++ stream, `nan` and `inf` as they are, and each value of `uint8` as a raw byte.
//! Exact values therefore come from the raw files of `--dumpRawBindingsToFile`, and what stands
//! here gives the names and dimensions and must agree with them as far as it is printed.

use runner_core::{DType, Tensor, f16};

/// Printed values lie within half a unit of the sixth digit.
const PRINTED: f64 = 1e-5;

/// One output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reported<'a> {
    pub(crate) name: String,
    pub(crate) dims: Vec<usize>,
    values: &'a [u8],
}

/// Reads every output; `bytewise` says which are printed byte by byte.
///
/// # Errors
/// Where the file departs from what `trtexec` writes.
pub(crate) fn read(
    file: &[u8],
    bytewise: impl Fn(&str) -> bool,
) -> Result<Vec<Reported<'_>>, String> {
    let mut rest = Rest(file);
    rest.expect("[")?;
    let mut outputs = Vec::new();
    while !rest.starts("]") {
        if !outputs.is_empty() {
            rest.expect(",")?;
        }
        rest.expect("{")?;
        let name = rest.quoted("name")?;
        rest.expect(",")?;
        let dims = dimensions(&rest.quoted("dimensions")?)?;
        rest.expect(",")?;
        rest.expect("\"values\"")?;
        rest.expect(":")?;
        rest.expect("[")?;
        let values = if bytewise(&name) { rest.bytes(&dims)? } else { rest.until(b']')? };
        rest.expect("]")?;
        rest.expect("}")?;
        outputs.push(Reported { name, dims, values });
    }
    Ok(outputs)
}

fn dimensions(text: &str) -> Result<Vec<usize>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let lengths: Result<_, _> = text.split('x').map(str::parse).collect();
    lengths.map_err(|_| format!("dimensions {text:?}"))
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn starts(&mut self, text: &str) -> bool {
        self.0 = self.0.trim_ascii_start();
        self.0.starts_with(text.as_bytes())
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        if !self.starts(text) {
            let found = String::from_utf8_lossy(&self.0[..self.0.len().min(20)]);
            return Err(format!("expected {text:?}, found {found:?}"));
        }
        self.0 = &self.0[text.len()..];
        Ok(())
    }

    /// `"key" : "value"` at the end of a line; the value may hold anything but a line's end.
    fn quoted(&mut self, key: &str) -> Result<String, String> {
        self.expect(&format!("\"{key}\""))?;
        self.expect(":")?;
        self.expect("\"")?;
        let line = self.until(b'\n')?.trim_ascii_end();
        let value = line.strip_suffix(b"\"").ok_or_else(|| format!("{key} has no end"))?;
        Ok(String::from_utf8_lossy(value).into_owned())
    }

    fn until(&mut self, end: u8) -> Result<&'a [u8], String> {
        let length = self.0.iter().position(|&byte| byte == end).ok_or("the file is cut")?;
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(taken)
    }

    /// As many values of one byte as the dimensions say, with `, ` between them.
    fn bytes(&mut self, dims: &[usize]) -> Result<&'a [u8], String> {
        let elements = dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
        let length = elements.and_then(|elements| elements.checked_mul(3));
        let length = length.ok_or("impossible dimensions")?.saturating_sub(2);
        let after_space = self.0.strip_prefix(b" ").ok_or("values do not begin")?;
        let (taken, rest) = after_space.split_at_checked(length).ok_or("the file is cut")?;
        self.0 = rest;
        Ok(taken)
    }
}

impl Reported<'_> {
    /// Compares the printed values with the exact ones.
    ///
    /// # Errors
    /// The first that does not agree, or another number of values.
    pub(crate) fn agrees_with(&self, exact: &Tensor) -> Result<(), String> {
        let exact = numbers(exact);
        let printed = self.printed(matches!(exact, Numbers::Bytes(_)))?;
        let exact: Vec<f64> = exact.into();
        if printed.len() != exact.len() {
            return Err(format!("{} values are printed of {}", printed.len(), exact.len()));
        }
        let differs = |(printed, exact): (&f64, &f64)| !alike(*printed, *exact);
        match printed.iter().zip(&exact).position(differs) {
            None => Ok(()),
            Some(at) => Err(format!(
                "value {at} is printed as {}, its bytes say {}",
                printed[at], exact[at]
            )),
        }
    }

    fn printed(&self, bytewise: bool) -> Result<Vec<f64>, String> {
        if bytewise {
            return Ok(self.values.iter().step_by(3).copied().map(f64::from).collect());
        }
        let text = std::str::from_utf8(self.values).map_err(|_| "values are no text")?;
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        text.split(',').map(str::trim).map(number).collect()
    }
}

/// A number as a C++ stream prints it.
fn number(text: &str) -> Result<f64, String> {
    let unknown = || format!("{text:?} is no number");
    match text.trim_start_matches('-') {
        "nan" => Ok(f64::NAN),
        "inf" if text.starts_with('-') => Ok(f64::NEG_INFINITY),
        "inf" => Ok(f64::INFINITY),
        digits if digits.starts_with(|first: char| first.is_ascii_digit()) => {
            text.parse().map_err(|_| unknown())
        }
        _ => Err(unknown()),
    }
}

fn alike(printed: f64, exact: f64) -> bool {
    if printed.is_finite() && exact.is_finite() {
        return (printed - exact).abs() <= PRINTED * exact.abs();
    }
    // What is left of equality between infinities is their sign.
    printed.is_nan() == exact.is_nan()
        && printed.is_infinite() == exact.is_infinite()
        && (exact.is_nan() || printed.is_sign_negative() == exact.is_sign_negative())
}

enum Numbers {
    Bytes(Vec<f64>),
    Others(Vec<f64>),
}

impl From<Numbers> for Vec<f64> {
    fn from(numbers: Numbers) -> Self {
        match numbers {
            Numbers::Bytes(values) | Numbers::Others(values) => values,
        }
    }
}

fn numbers(tensor: &Tensor) -> Numbers {
    Numbers::Others(match tensor {
        Tensor::U8(array) => return Numbers::Bytes(array.iter().copied().map(f64::from).collect()),
        Tensor::F32(array) => array.iter().copied().map(f64::from).collect(),
        Tensor::F16(array) => array.iter().copied().map(f16::to_f64).collect(),
        Tensor::F64(array) => array.iter().copied().collect(),
        Tensor::I8(array) => array.iter().copied().map(f64::from).collect(),
        Tensor::I32(array) => array.iter().copied().map(f64::from).collect(),
        Tensor::I64(array) => array.iter().map(|&value| value as f64).collect(),
        Tensor::Bool(array) => array.iter().map(|&value| f64::from(u8::from(value))).collect(),
    })
}

/// Whether `--exportOutput` prints values of this type as raw bytes.
pub(crate) fn is_bytewise(dtype: DType) -> bool {
    dtype == DType::U8
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};

    use super::*;

    const TWO: &str = "[\n  { \"name\" : \"y\"\n  , \"dimensions\" : \"2x3\"\n  , \"values\" : [ \
                       1.5, -nan, inf, -inf, 1e-05, 123457 ]\n  }\n, { \"name\" : \"odd \"name\"\"\n \
                       , \"dimensions\" : \"\"\n  , \"values\" : [ -7 ]\n  }\n]\n";

    fn floats(shape: &[usize], values: &[f32]) -> Tensor {
        ArrayD::from_shape_vec(IxDyn(shape), values.to_vec()).unwrap().into()
    }

    fn read_all(text: &str) -> Result<Vec<Reported<'_>>, String> {
        read(text.as_bytes(), |_| false)
    }

    #[test]
    fn what_a_stream_prints_agrees_with_the_exact_values() {
        let outputs = read_all(TWO).unwrap();
        assert_eq!((&*outputs[0].name, &outputs[0].dims[..]), ("y", &[2, 3][..]));
        assert_eq!((&*outputs[1].name, outputs[1].dims.len()), ("odd \"name\"", 0));
        let values = [1.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-5, 123_456.7];
        outputs[0].agrees_with(&floats(&[2, 3], &values)).unwrap();
        outputs[1].agrees_with(&ArrayD::from_elem(IxDyn(&[]), -7_i32).into()).unwrap();

        for (at, other) in [(0, 1.501), (1, 0.0), (2, f32::NEG_INFINITY), (4, 0.0), (5, f32::NAN)] {
            let mut changed = values;
            changed[at] = other;
            let error = outputs[0].agrees_with(&floats(&[2, 3], &changed)).unwrap_err();
            assert!(error.contains(&format!("value {at} ")), "{error}");
        }
        assert!(outputs[0].agrees_with(&floats(&[1], &[1.5])).is_err());
    }

    #[test]
    fn bytes_are_read_by_their_number_whatever_they_are() {
        let mut file =
            b"[\n  { \"name\" : \"y\"\n  , \"dimensions\" : \"4\"\n  , \"values\" : [ ".to_vec();
        file.extend(b"], \n, ,, \xff ]\n  }\n]\n");
        let outputs = read(&file, |name| name == "y").unwrap();
        let bytes = ArrayD::from_shape_vec(IxDyn(&[4]), vec![b']', b'\n', b',', 255]).unwrap();
        outputs[0].agrees_with(&bytes.into()).unwrap();
    }

    #[test]
    fn a_cut_or_foreign_file_is_an_error() {
        for cut in 0..TWO.len() - 2 {
            assert!(read_all(&TWO[..cut]).is_err(), "{cut}");
            let _ = read(&TWO.as_bytes()[..cut], |_| true);
        }
        for text in ["", "{}", "[{}]", "[ { \"name\" : \"y\" } ]"] {
            assert!(read_all(text).is_err(), "{text}");
        }
        let outputs = read_all("[\n]\n").unwrap();
        assert!(outputs.is_empty());
        for word in ["", "nano", "0x10", "1.2.3", "infinity", "true", "--inf9"] {
            assert!(number(word).is_err(), "{word}");
        }
    }
}
