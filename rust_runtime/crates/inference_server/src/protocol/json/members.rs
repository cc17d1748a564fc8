use std::collections::HashSet;

use super::clip;
use crate::{ServerError, protocol::Result};

/// The most members of one object: none that is meant has nearly as many.
const MOST: usize = 1024;

/// The keys of one object so far.
#[derive(Default)]
pub(super) struct Members(HashSet<String>);

impl Members {
    /// Refuses a key that was there before, and more members than any object can want.
    pub(super) fn add(&mut self, key: &str) -> Result<()> {
        if self.0.len() == MOST {
            let message = format!("a JSON object has more than {MOST} members");
            return Err(ServerError::bad_input(message));
        }
        if self.0.insert(key.to_owned()) {
            return Ok(());
        }
        let message = format!("the key {:?} comes twice in one JSON object", clip(key));
        Err(ServerError::bad_input(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_bounded() {
        let mut members = Members::default();
        for key in 0..MOST {
            members.add(&key.to_string()).unwrap();
        }
        assert!(members.add("one more").unwrap_err().message().contains("more than 1024"));
    }
}
