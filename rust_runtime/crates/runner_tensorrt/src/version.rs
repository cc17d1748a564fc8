use std::fmt;

/// A version of `TensorRT`, as `trtexec` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 8, 9, 10, …
    pub major: u16,
    /// The second number.
    pub minor: u16,
    /// The third number.
    pub patch: u16,
}

const BANNER: &str = "[TensorRT v";

impl Version {
    /// The version in the first line of every answer of `trtexec`:
    /// `&&&& RUNNING TensorRT.trtexec [TensorRT v100300] # …`.
    pub fn in_banner(output: &str) -> Option<Self> {
        let (_, rest) = output.split_once(BANNER)?;
        let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
        Self::from_number(digits.parse().ok()?)
    }

    /// `NV_TENSORRT_VERSION`: thousands up to 9, tens of thousands since 10, as
    /// `NvInferRuntimeBase.h` has it.
    fn from_number(number: u32) -> Option<Self> {
        let thousands = if number < 10_000 { 1000 } else { 10_000 };
        let part = |number: u32| u16::try_from(number).ok();
        Some(Self {
            major: part(number / thousands)?,
            minor: part(number % thousands / 100)?,
            patch: part(number % 100)?,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_banner_of_every_line_of_releases() {
        for (number, version) in [
            ("8601", "8.6.1"),
            ("9300", "9.3.0"),
            ("100300", "10.3.0"),
            ("101303", "10.13.3"),
            ("110100", "11.1.0"),
        ] {
            let banner = format!("&&&& RUNNING TensorRT.trtexec [TensorRT v{number}] [b12] # x");
            assert_eq!(Version::in_banner(&banner).unwrap().to_string(), version);
        }
        for banner in
            ["", "TensorRT 8", "[TensorRT v", "[TensorRT vabc]", "[TensorRT v99999999999]"]
        {
            assert_eq!(Version::in_banner(banner), None, "{banner}");
        }
    }
}
