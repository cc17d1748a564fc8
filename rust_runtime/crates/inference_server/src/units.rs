//! Sizes and times as people write them in a settings file.

use std::fmt;

use serde::de::{self, Visitor};

const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

const MILLISECONDS: [(&str, u64); 5] =
    [("ms", 1), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("s", 1_000)];

/// `amount unit` by the first unit that fits the ending; `None` unless all of it is read.
fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), *factor)))?;
    let whole = number.bytes().all(|byte| byte.is_ascii_digit());
    if whole {
        return number.parse::<u64>().ok()?.checked_mul(factor);
    }
    let amount = number.parse::<f64>().ok()? * factor as f64;
    (0.0..9e15).contains(&amount).then(|| amount.round() as u64)
}

/// The largest unit that gives a whole number.
fn text(value: u64, units: &[(&str, u64)]) -> String {
    let (unit, factor) = units
        .iter()
        .filter(|(_, factor)| value >= *factor && value.is_multiple_of(*factor))
        .max_by_key(|(_, factor)| *factor)
        .unwrap_or(&units[units.len() - 1]);
    format!("{} {unit}", value / factor)
}

/// Reads a number of `one` each, or text with a unit.
struct Amount {
    units: &'static [(&'static str, u64)],
    one: u64,
    expected: &'static str,
}

impl Visitor<'_> for Amount {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<u64, E> {
        value.checked_mul(self.one).ok_or_else(|| E::custom("the number is too large"))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<u64, E> {
        let value = u64::try_from(value).map_err(|_| E::custom("the number is negative"))?;
        self.visit_u64(value)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<u64, E> {
        let amount = value * self.one as f64;
        if (0.0..9e15).contains(&amount) {
            return Ok(amount.round() as u64);
        }
        Err(E::custom(format!("{value} is not {}", self.expected)))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<u64, E> {
        parse(value.trim(), self.units)
            .ok_or_else(|| E::custom(format!("{value:?} is not {}", self.expected)))
    }
}

pub(crate) mod size {
    use serde::{Deserializer, Serializer, de::Error};

    use super::{Amount, SIZES, text};

    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub(crate) fn serialize<S: Serializer>(bytes: &usize, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&text(*bytes as u64, &SIZES))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
        let expected = "a number of bytes or text such as \"64 MiB\"";
        let bytes = from.deserialize_any(Amount { units: &SIZES, one: 1, expected })?;
        usize::try_from(bytes).map_err(|_| D::Error::custom("the size is too large"))
    }
}

pub(crate) mod time {
    use std::time::Duration;

    use serde::{Deserializer, Serializer};

    use super::{Amount, MILLISECONDS, text};

    pub(crate) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        to.serialize_str(&text(milliseconds, &MILLISECONDS))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let expected = "a number of seconds or text such as \"250 ms\"";
        let amount = Amount { units: &MILLISECONDS, one: 1_000, expected };
        Ok(Duration::from_millis(from.deserialize_any(amount)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_with_their_unit() {
        type Case<'a> = (&'a str, &'a [(&'a str, u64)], Option<u64>);
        let cases: [Case<'_>; 12] = [
            ("64 MiB", &SIZES, Some(64 << 20)),
            ("64MiB", &SIZES, Some(64 << 20)),
            ("1.5 GiB", &SIZES, Some(3 << 29)),
            ("10 MB", &SIZES, Some(10_000_000)),
            ("7 B", &SIZES, Some(7)),
            ("250 ms", &MILLISECONDS, Some(250)),
            ("75 s", &MILLISECONDS, Some(75_000)),
            ("2 min", &MILLISECONDS, Some(120_000)),
            ("1 d", &MILLISECONDS, Some(86_400_000)),
            ("MiB", &SIZES, None),
            ("-1 s", &MILLISECONDS, None),
            ("99999999999999 GiB", &SIZES, None),
        ];
        for (text, units, expected) in cases {
            assert_eq!(parse(text, units), expected, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for bytes in [0, 1, 1000, 1024, 1536, 64 << 20, 3 << 30, u64::MAX] {
            assert_eq!(parse(&text(bytes, &SIZES), &SIZES), Some(bytes));
        }
        for milliseconds in [0, 1, 999, 1000, 60_000, 61_000, 86_400_000] {
            let text = text(milliseconds, &MILLISECONDS);
            assert_eq!(parse(&text, &MILLISECONDS), Some(milliseconds), "{text}");
        }
    }
}
