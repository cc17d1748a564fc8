use crate::Activation;

/// The sigmoid function.
pub(super) fn sigmoid(value: f64) -> f64 {
    1.0 / (1.0 + (-value).exp())
}

/// Makes scores of the numbers of one picture, or of one box.
pub(super) fn activate(values: &mut [f64], activation: Activation) {
    match activation {
        Activation::None => {}
        Activation::Sigmoid => {
            for value in values.iter_mut() {
                *value = sigmoid(*value);
            }
        }
        Activation::Softmax => {
            let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            for value in values.iter_mut() {
                *value = (*value - largest).exp();
            }
            let sum: f64 = values.iter().sum();
            for value in values.iter_mut() {
                *value /= sum;
            }
        }
    }
}

/// The first of the largest values; `None` where there are none.
pub(super) fn first_largest<T: PartialOrd + Copy>(
    values: impl IntoIterator<Item = T>,
) -> Option<(usize, T)> {
    values.into_iter().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best })
}
