use std::time::{Duration, Instant};

use runner_core::NamedTensors;

use super::{Result, json::Reader};
use crate::{InferRequest, Priority, QueueLimits, ServerError};

/// What a client asks for besides its inputs.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The client's own mark, to be echoed.
    pub id: Option<String>,
    /// The outputs that are wanted, in this order; `None` means all.
    pub outputs: Option<Vec<String>>,
    /// Who comes first among those that wait.
    pub priority: Priority,
    /// How long the client waits for its answer; `None` leaves it to the server.
    pub timeout: Option<Duration>,
    /// How the outputs shall be written.
    pub form: ReplyForm,
}

impl Terms {
    /// The request for these inputs. Its deadline is the client's, or the server's where the client
    /// has none, and never beyond the longest that the server allows.
    pub fn request(
        self,
        inputs: NamedTensors,
        received: Instant,
        limits: &QueueLimits,
    ) -> InferRequest {
        let wait = self.timeout.unwrap_or(limits.deadline).min(limits.longest_deadline);
        InferRequest {
            id: self.id,
            inputs,
            outputs: self.outputs,
            priority: self.priority,
            received,
            deadline: received.checked_add(wait),
        }
    }
}

/// Which outputs are written as binary data, and which in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplyForm {
    /// What holds for outputs that are not named.
    pub binary: bool,
    /// What was said of single outputs.
    pub by_output: Vec<(String, bool)>,
}

impl ReplyForm {
    /// Whether this output is written as binary data.
    pub fn is_binary(&self, output: &str) -> bool {
        let said = self.by_output.iter().find(|(name, _)| name == output);
        said.map_or(self.binary, |(_, binary)| *binary)
    }
}

/// Takes a priority: 0 for the default, 1 for what is served first, to 255.
pub(super) fn read_priority(reader: &mut Reader<'_>) -> Result<Priority> {
    let level = u8::try_from(reader.count()?).map_err(|_| {
        ServerError::bad_input("priority is 1, served first, to 255; 0 is the default")
    })?;
    Ok(Priority::from_level(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_the_clients_within_the_servers_bounds() {
        let limits = QueueLimits {
            deadline: Duration::from_secs(2),
            longest_deadline: Duration::from_secs(10),
            ..QueueLimits::default()
        };
        let received = Instant::now();
        for (timeout, expected) in [(None, 2), (Some(1), 1), (Some(10), 10), (Some(u64::MAX), 10)] {
            let timeout = timeout.map(Duration::from_secs);
            let request = Terms { timeout, ..Terms::default() }.request(vec![], received, &limits);
            let deadline = request.deadline.unwrap();
            assert_eq!(deadline - received, Duration::from_secs(expected));
        }
    }

    #[test]
    fn what_is_said_of_an_output_wins_over_the_default() {
        let form = ReplyForm { binary: true, by_output: vec![("a".to_owned(), false)] };
        assert!(!form.is_binary("a") && form.is_binary("b"));
    }
}
