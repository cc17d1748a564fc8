use std::ffi::{CStr, c_void};

use super::*;
use crate::session::tests::carried;

fn told() -> String {
    // SAFETY: the text is good until the next failure.
    unsafe { CStr::from_ptr(error()) }.to_str().unwrap().to_owned()
}

fn tensor<'a>(shape: &'a [usize], data: &'a [f32]) -> Tensor {
    Tensor {
        dtype: 0,
        rank: shape.len(),
        shape: shape.as_ptr(),
        data: data.as_ptr().cast(),
        bytes: size_of_val(data),
    }
}

#[test]
fn a_run_gives_its_outputs_until_they_are_freed() {
    let model = load(carried(), 0, None);
    let data: Vec<f32> = (0..12).map(|value| value as f32).collect();
    // SAFETY: everything comes from the functions, and is freed once.
    unsafe {
        let input = tensor(&[1, 3, 2, 2], &data);
        let outputs = run(model, &raw const input, 1);
        let made = output(outputs, 0).as_ref().unwrap();
        assert_eq!((made.dtype, made.rank, made.bytes), (0, 4, 48));
        assert_eq!(slice::from_raw_parts(made.shape, 4), [1, 3, 2, 2]);
        let values = slice::from_raw_parts(made.data.cast::<f32>(), 12);
        let twice: Vec<f32> = data.iter().map(|value| value * 2.0).collect();
        assert_eq!(values, twice);
        assert!(output(outputs, 1).is_null() && output(std::ptr::null(), 0).is_null());
        free(outputs);
        free(model);
        free::<Model>(std::ptr::null_mut());
        free_file(std::ptr::null_mut());
    }
}

#[test]
fn a_picture_comes_back_as_a_file() {
    let picture = crate::Picture::new(1, 1, 3, vec![1, 2, 3]).unwrap();
    let file = crate::encode(&picture, crate::OutputFormat::Png).unwrap();
    let model = load(carried(), 1, None);
    // SAFETY: as above.
    unsafe {
        let made = run_file(model, file.as_ptr(), file.len());
        assert!(!made.is_null(), "{}", told());
        let bytes = slice::from_raw_parts((*made).data, (*made).length);
        assert_eq!(crate::decode(bytes).unwrap().pixels(), [2, 4, 6]);
        free_file(made);
        assert!(run_file(model, b"x".as_ptr(), 1).is_null());
        assert!(told().starts_with("not_a_picture: "), "{}", told());
        free(model);
    }
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_read() {
    let model = load(carried(), 0, None);
    let data = [0.0; 12];
    let good = || tensor(&[1, 3, 2, 2], &data);
    let none: *const c_void = std::ptr::null();
    let wrong = [
        (Tensor { dtype: 8, ..good() }, "no type 8"),
        (Tensor { bytes: 47, ..good() }, "47 bytes"),
        (Tensor { data: none, ..good() }, "null pointer"),
        (Tensor { shape: none.cast(), ..good() }, "null pointer"),
        (Tensor { dtype: 5, ..good() }, "expected f32"),
        (Tensor { rank: 3, bytes: 24, ..good() }, "expected shape"),
    ];
    // SAFETY: as above; what is refused is not read.
    unsafe {
        for (input, says) in wrong {
            assert!(run(model, &raw const input, 1).is_null());
            assert!(told().contains(says), "{}", told());
        }
        let input = good();
        assert!(run(model, &raw const input, 0).is_null() && told().contains("takes 1"));
        assert!(run(model, std::ptr::null(), 1).is_null() && told().contains("null"));
        assert!(run(std::ptr::null(), std::ptr::null(), 0).is_null() && told().contains("null"));
        free(model);
    }
}
