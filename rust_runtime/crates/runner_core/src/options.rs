use std::{path::PathBuf, str::FromStr};

use crate::{LoadError, LoadErrorKind, RunnerConfig};

/// A type that options can have.
pub trait OptionValue: FromStr {
    /// What such a value looks like, for a message that expected one.
    const EXPECTED: &'static str;
}

impl OptionValue for usize {
    const EXPECTED: &'static str = "a whole number";
}

impl OptionValue for f64 {
    const EXPECTED: &'static str = "a number";
}

impl OptionValue for bool {
    const EXPECTED: &'static str = "true or false";
}

impl OptionValue for String {
    const EXPECTED: &'static str = "text";
}

impl OptionValue for PathBuf {
    const EXPECTED: &'static str = "a path";
}

/// Reads typed options by name and refuses those that nobody asked for.
pub struct OptionReader<'a> {
    config: &'a RunnerConfig,
    known: Vec<&'static str>,
}

impl<'a> OptionReader<'a> {
    pub(crate) fn new(config: &'a RunnerConfig) -> Self {
        Self { config, known: Vec::new() }
    }

    /// The option's value, or `None` where it is not set.
    ///
    /// # Errors
    /// [`LoadErrorKind::InvalidOption`] when the text is not a value of the type.
    pub fn get<T: OptionValue>(&mut self, name: &'static str) -> Result<Option<T>, LoadError> {
        self.known.push(name);
        let Some(text) = self.config.options.get(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            self.error(format!("option {name} cannot be {text:?}: expected {}", T::EXPECTED))
        })
    }

    /// # Errors
    /// [`LoadErrorKind::InvalidOption`] for an option that no [`Self::get`] asked for.
    pub fn finish(self) -> Result<(), LoadError> {
        let unknown = self.config.options.keys().find(|name| !self.known.contains(&name.as_str()));
        match unknown {
            None => Ok(()),
            Some(name) if self.known.is_empty() => {
                Err(self.error(format!("unknown option {name}: this engine has none")))
            }
            Some(name) => Err(self.error(format!(
                "unknown option {name}: this engine knows {}",
                self.known.join(", ")
            ))),
        }
    }

    fn error(&self, message: String) -> LoadError {
        LoadError::new(LoadErrorKind::InvalidOption, &self.config.source.name(), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_nobody_reads_is_refused() {
        let mut config = RunnerConfig::from_bytes("m", vec![]);
        config.options.insert("plan_cache".into(), "4".into());
        let mut reader = config.read_options();
        assert_eq!(reader.get::<usize>("plan_cache").unwrap(), Some(4));
        reader.finish().unwrap();

        let error = config.read_options().finish().unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::InvalidOption);
        assert!(error.to_string().contains("plan_cache"));
    }

    #[test]
    fn an_option_of_the_wrong_type_is_refused() {
        let mut config = RunnerConfig::from_bytes("m", vec![]);
        config.options.insert("plan_cache".into(), "many".into());
        let mut reader = config.read_options();
        for (error, expected) in [
            (reader.get::<usize>("plan_cache").unwrap_err(), "expected a whole number"),
            (reader.get::<bool>("plan_cache").unwrap_err(), "expected true or false"),
            (reader.get::<f64>("plan_cache").unwrap_err(), "expected a number"),
        ] {
            assert_eq!(error.kind(), LoadErrorKind::InvalidOption);
            assert!(error.to_string().ends_with(expected), "{error}");
        }
    }
}
