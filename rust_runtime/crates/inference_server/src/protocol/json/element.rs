use super::{Reader, clip};
use crate::{
    ServerError,
    protocol::{Datatype, Result},
};

/// A type whose values JSON has. Half precision is not among them: it comes as binary only.
pub(crate) trait Element: Copy {
    /// Takes one value and refuses one that this type has not.
    fn read(reader: &mut Reader<'_>) -> Result<Self>;
}

impl Element for bool {
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.boolean()
    }
}

macro_rules! whole_numbers {
    ($($element:ty => $datatype:ident),* $(,)?) => {
        $(impl Element for $element {
            #[inline]
            fn read(reader: &mut Reader<'_>) -> Result<Self> {
                let number = reader.number()?;
                let misfit = |_| misfit(number.text, number.whole, Datatype::$datatype);
                number.text.parse().map_err(misfit)
            }
        })*
    };
}

macro_rules! real_numbers {
    ($($element:ty => $datatype:ident),* $(,)?) => {
        $(impl Element for $element {
            #[inline]
            fn read(reader: &mut Reader<'_>) -> Result<Self> {
                let number = reader.number()?;
                match number.text.parse::<Self>() {
                    Ok(value) if value.is_finite() => Ok(value),
                    _ => Err(misfit(number.text, true, Datatype::$datatype)),
                }
            }
        })*
    };
}

whole_numbers!(i8 => Int8, u8 => Uint8, i32 => Int32, i64 => Int64);
real_numbers!(f32 => Fp32, f64 => Fp64);

#[cold]
fn misfit(text: &str, in_form: bool, datatype: Datatype) -> ServerError {
    let reason = if in_form { "is out of the range of" } else { "is not a whole number, as of" };
    ServerError::bad_input(format!("{} {reason} {datatype}", clip(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one<T: Element>(text: &str) -> Result<T> {
        T::read(&mut Reader::new(text.as_bytes(), 1).unwrap())
    }

    #[test]
    fn values_are_exact_to_the_edge_of_their_type() {
        assert_eq!(one::<u8>("255").unwrap(), 255);
        assert_eq!(one::<i8>("-128").unwrap(), -128);
        assert_eq!(one::<i64>("-9223372036854775808").unwrap(), i64::MIN);
        assert_eq!(one::<f32>("3.4028235e38").unwrap().to_bits(), f32::MAX.to_bits());
        assert_eq!(one::<f32>("-0").unwrap().to_bits(), (-0.0f32).to_bits());
        assert_eq!(one::<f32>("16777217.0").unwrap().to_bits(), 16_777_216f32.to_bits());
        assert_eq!(one::<f64>("1e-400").unwrap().to_bits(), 0);
        assert!(one::<bool>("true").unwrap());
    }

    #[test]
    fn single_precision_is_rounded_once() {
        // Half way between two floats but for the last digit; rounding to f64 first would lose it.
        let text = "1.00000005960464477540";
        assert_eq!(one::<f32>(text).unwrap().to_bits(), 0x3f80_0001);
    }

    #[test]
    fn what_a_type_has_not_is_refused() {
        let refused = [
            one::<u8>("256").err(),
            one::<u8>("-1").err(),
            one::<i8>("128").err(),
            one::<i32>("1.0").err(),
            one::<i32>("1e2").err(),
            one::<i64>("9223372036854775808").err(),
            one::<f32>("1e400").err(),
            one::<f32>("1e39").err(),
            one::<f64>("-1e400").err(),
            one::<f32>("\"1\"").err(),
            one::<f32>("null").err(),
            one::<f32>("NaN").err(),
            one::<f32>("-Infinity").err(),
            one::<f32>("[1]").err(),
            one::<bool>("1").err(),
            one::<i32>("true").err(),
        ];
        for (case, error) in refused.iter().enumerate() {
            assert!(error.is_some(), "case {case}");
        }
        let fraction = format!("0.{}", "1".repeat(1_000_000));
        assert_eq!(one::<f32>(&fraction).unwrap().to_bits(), (1.0f32 / 9.0).to_bits());
        let long = format!("1{}", "0".repeat(100_000));
        assert!(one::<i64>(&long).unwrap_err().message().len() < 200);
    }
}
