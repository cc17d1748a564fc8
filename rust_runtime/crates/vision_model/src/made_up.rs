use runner_core::{
    DType, Tensor, f16,
    ndarray::{ArrayD, IxDyn},
};

/// A tensor for runs that need no real input: floats of 0 to 1, the same for the same seed (above
/// 0), and zeros where the elements are integers, since 0 is an index of anything.
pub fn made_up(dtype: DType, shape: &[usize], seed: u32) -> Tensor {
    let dims = IxDyn(shape);
    let mut state = 0x9e37_79b9_u32.wrapping_mul(seed);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 24) as f32
    };
    match dtype {
        DType::F32 => ArrayD::from_shape_simple_fn(dims, next).into(),
        DType::F16 => ArrayD::from_shape_simple_fn(dims, || f16::from_f32(next())).into(),
        DType::F64 => ArrayD::from_shape_simple_fn(dims, || f64::from(next())).into(),
        DType::I8 => ArrayD::<i8>::zeros(dims).into(),
        DType::U8 => ArrayD::<u8>::zeros(dims).into(),
        DType::I32 => ArrayD::<i32>::zeros(dims).into(),
        DType::I64 => ArrayD::<i64>::zeros(dims).into(),
        DType::Bool => ArrayD::from_elem(dims, false).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_of_0_to_1_and_repeat_for_a_seed() {
        let of = |seed| made_up(DType::F32, &[2, 500], seed);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let array = ArrayD::<f32>::try_from(of(1)).unwrap();
        assert!(array.iter().all(|value| (0.0..1.0).contains(value)));
        assert!((array.mean().unwrap() - 0.5).abs() < 0.05);
    }

    #[test]
    fn integers_are_an_index_of_anything() {
        assert_eq!(made_up(DType::I64, &[2], 3), ArrayD::<i64>::zeros(vec![2]).into());
    }
}
