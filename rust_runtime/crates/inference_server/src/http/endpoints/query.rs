use std::time::Duration;

use actix_web::web;

use super::Result;
use crate::{Priority, ServerError, protocol::Terms};

const NAMES: &str = "model, version, timeout_ms, priority and tensors";

/// What stands beside a body that has no room for it: the query of a path, or the fields of a form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Aside {
    pub(super) model: Option<String>,
    pub(super) version: Option<String>,
    pub(super) timeout: Option<Duration>,
    pub(super) priority: Option<Priority>,
    /// Whether the model's outputs are wanted in place of what they mean.
    pub(super) tensors: bool,
}

impl Aside {
    /// The query of a path.
    ///
    /// # Errors
    /// [`crate::ErrorKind::BadInput`] for what is unknown, malformed or comes twice.
    pub(super) fn of_query(query: &str) -> Result<Self> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
            .map_err(|_| ServerError::bad_input("the query of the path is malformed"))?
            .into_inner();
        let mut aside = Self::default();
        for (index, (name, value)) in pairs.iter().enumerate() {
            if pairs[..index].iter().any(|(before, _)| before == name) {
                return Err(ServerError::bad_input(format!("{name:?} comes twice in the query")));
            }
            aside.take(name, value)?;
        }
        Ok(aside)
    }

    /// Takes one more value.
    ///
    /// # Errors
    /// [`crate::ErrorKind::BadInput`] for what is unknown or malformed.
    pub(super) fn take(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "model" => self.model = Some(value.to_owned()),
            "version" => self.version = Some(value.to_owned()),
            "timeout_ms" => {
                let wait: u64 = number(name, value)?;
                self.timeout = (wait > 0).then(|| Duration::from_millis(wait));
            }
            "priority" => self.priority = Some(Priority::from_level(number(name, value)?)),
            "tensors" => self.tensors = boolean(name, value)?,
            _ => {
                let name: String = name.chars().take(40).collect();
                let message = format!("unknown parameter {name:?}; there are {NAMES}");
                return Err(ServerError::bad_input(message));
            }
        }
        Ok(())
    }

    /// Adds what is said here to terms that say nothing.
    pub(super) fn complete(&self, terms: &mut Terms) {
        terms.timeout = terms.timeout.or(self.timeout);
        if terms.priority == Priority::DEFAULT {
            terms.priority = self.priority.unwrap_or_default();
        }
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T> {
    value.trim().parse().map_err(|_| ServerError::bad_input(format!("{name} is no such number")))
}

fn boolean(name: &str, value: &str) -> Result<bool> {
    match value {
        "" | "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(ServerError::bad_input(format!("{name} is true or false"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_aside_is_read_and_what_is_unknown_refused() {
        let aside = Aside::of_query("model=a%2Fb&timeout_ms=250&priority=1&tensors").unwrap();
        assert_eq!(aside.model.as_deref(), Some("a/b"));
        assert_eq!(aside.timeout, Some(Duration::from_millis(250)));
        assert_eq!(aside.priority, Some(Priority::from_level(1)));
        assert!(aside.tensors);
        assert_eq!(Aside::of_query("").unwrap(), Aside::default());
        for query in [
            "modle=a",
            "timeout_ms=-1",
            "timeout_ms=x",
            "priority=256",
            "tensors=2",
            "model=a&model=b",
        ] {
            assert!(Aside::of_query(query).is_err(), "{query}");
        }
    }

    #[test]
    fn what_the_body_says_wins() {
        let aside = Aside::of_query("timeout_ms=250&priority=1").unwrap();
        let timeout = Some(Duration::from_secs(1));
        let mut terms = Terms { timeout, priority: Priority::from_level(9), ..Terms::default() };
        aside.complete(&mut terms);
        assert_eq!((terms.timeout, terms.priority.level()), (timeout, 9));
        let mut terms = Terms::default();
        aside.complete(&mut terms);
        assert_eq!(terms.timeout, Some(Duration::from_millis(250)));
        assert_eq!(terms.priority.level(), 1);
    }
}
