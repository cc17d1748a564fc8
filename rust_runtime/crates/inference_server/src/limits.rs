use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units;

const MIB: usize = 1 << 20;

/// The deepest nesting that can be allowed: reading what is skipped takes one call per level.
const DEEPEST_JSON: usize = 512;

/// Every bound of the server. All have defaults; unknown keys are refused.
///
/// Sizes are read as bytes or as text like `64 MiB`, times as seconds or as text like `250 ms`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bounds of one request.
    pub request: RequestLimits,
    /// Bounds of pictures.
    pub pictures: PictureLimits,
    /// Bounds of each model's queue.
    pub queue: QueueLimits,
    /// Bounds of connections.
    pub connections: ConnectionLimits,
    /// How the server ends.
    pub drain: DrainLimits,
}

/// Bounds of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestLimits {
    /// Bytes of a body after decompression.
    #[serde(with = "units::size")]
    pub body: usize,
    /// Nesting of arrays and objects in JSON.
    pub json_depth: usize,
    /// Inputs, and outputs asked for, of one request.
    pub tensors: usize,
    /// Axes of one tensor.
    pub rank: usize,
    /// Elements of all inputs together.
    pub elements: usize,
    /// Bytes in memory of all inputs together, with the outputs as far as the specs tell them.
    #[serde(with = "units::size")]
    pub memory: usize,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            body: 64 * MIB,
            json_depth: 100,
            tensors: 256,
            rank: 32,
            elements: 64 * MIB,
            memory: 512 * MIB,
        }
    }
}

/// Bounds of pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PictureLimits {
    /// Pictures in one request.
    pub count: usize,
    /// Pixels of one picture, before it is resized.
    pub pixels: usize,
    /// Bytes that decoding may take at one time, over all requests together.
    #[serde(with = "units::size")]
    pub decode_memory: usize,
    /// How long decoding a picture may take once its turn has come.
    #[serde(with = "units::time")]
    pub decode_deadline: Duration,
}

impl Default for PictureLimits {
    fn default() -> Self {
        Self {
            count: 64,
            pixels: 50_000_000,
            decode_memory: 512 * MIB,
            decode_deadline: Duration::from_secs(10),
        }
    }
}

/// Bounds of each model's queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueLimits {
    /// Requests that wait before the engine, and as many pictures before they are decoded.
    pub requests: usize,
    /// Bytes of the inputs that wait.
    #[serde(with = "units::size")]
    pub memory: usize,
    /// Deadline of a request that names none.
    #[serde(with = "units::time")]
    pub deadline: Duration,
    /// The longest deadline that a request may name; a longer one is cut to this.
    #[serde(with = "units::time")]
    pub longest_deadline: Duration,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            requests: 512,
            memory: 256 * MIB,
            deadline: Duration::from_secs(30),
            longest_deadline: Duration::from_mins(5),
        }
    }
}

/// Bounds of connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionLimits {
    /// Open connections.
    pub count: usize,
    /// How long the head of a request may take.
    #[serde(with = "units::time")]
    pub head_deadline: Duration,
    /// How long the whole body of a request may take.
    #[serde(with = "units::time")]
    pub body_deadline: Duration,
    /// How long an idle connection stays open.
    #[serde(with = "units::time")]
    pub keep_alive: Duration,
    /// How long a client may take nothing of its answer before it is cut off.
    #[serde(with = "units::time")]
    pub write_deadline: Duration,
    /// Bytes of the head of a request, which has at most 96 fields.
    #[serde(with = "units::size")]
    pub head: usize,
    /// Bytes of all bodies that are held at one time.
    #[serde(with = "units::size")]
    pub bodies: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            count: 4096,
            head_deadline: Duration::from_secs(5),
            body_deadline: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            write_deadline: Duration::from_secs(30),
            head: 64 << 10,
            bodies: 1 << 30,
        }
    }
}

/// How the server ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DrainLimits {
    /// How long new work is still accepted after the server has said that it is not ready.
    #[serde(with = "units::time")]
    pub delay: Duration,
    /// How long what runs may take to finish after that.
    #[serde(with = "units::time")]
    pub deadline: Duration,
}

impl Default for DrainLimits {
    fn default() -> Self {
        Self { delay: Duration::from_secs(2), deadline: Duration::from_secs(30) }
    }
}

impl Limits {
    /// Whether a server can work within these.
    ///
    /// # Errors
    /// The key and the range that it must be in.
    pub fn check(&self) -> Result<(), String> {
        let depth = self.request.json_depth;
        if !(1..=DEEPEST_JSON).contains(&depth) {
            return Err(format!("request.json_depth is {depth}; it must be 1 to {DEEPEST_JSON}"));
        }
        for (key, value) in self.counts() {
            if value == 0 {
                return Err(format!("{key} is 0; it must be at least 1"));
            }
        }
        let QueueLimits { deadline, longest_deadline, .. } = &self.queue;
        if deadline > longest_deadline {
            return Err("queue.deadline is longer than queue.longest_deadline".to_owned());
        }
        Ok(())
    }

    fn counts(&self) -> [(&'static str, usize); 12] {
        let Self { request, pictures, queue, connections, .. } = self;
        [
            ("request.body", request.body),
            ("request.tensors", request.tensors),
            ("request.rank", request.rank),
            ("request.elements", request.elements),
            ("request.memory", request.memory),
            ("pictures.count", pictures.count),
            ("pictures.pixels", pictures.pixels),
            ("queue.requests", queue.requests),
            ("queue.memory", queue.memory),
            ("connections.count", connections.count),
            ("connections.head", connections.head),
            ("connections.bodies", connections.bodies),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_fit_and_survive_json() {
        let limits = Limits::default();
        assert_eq!(limits.check(), Ok(()));
        let json = serde_json::to_string(&limits).unwrap();
        assert!(json.contains(r#""body":"64 MiB""#) && json.contains(r#""keep_alive":"75 s""#));
        assert_eq!(serde_json::from_str::<Limits>(&json).unwrap(), limits);
    }

    #[test]
    fn what_is_left_out_has_its_default_and_unknown_keys_are_refused() {
        let limits: Limits = serde_json::from_str(r#"{"request":{"body":"1 KiB"}}"#).unwrap();
        assert_eq!(limits.request.body, 1024);
        assert_eq!(limits.request.json_depth, 100);
        for text in [r#"{"bodies":1}"#, r#"{"request":{"depth":1}}"#] {
            assert!(serde_json::from_str::<Limits>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_no_server_can_work_within_is_refused_by_its_key() {
        let cases = [
            (r#"{"request":{"json_depth":0}}"#, "json_depth"),
            (r#"{"request":{"json_depth":100000}}"#, "json_depth"),
            (r#"{"queue":{"requests":0}}"#, "queue.requests"),
            (r#"{"queue":{"deadline":"10 min"}}"#, "queue.deadline"),
        ];
        for (text, key) in cases {
            let refused = serde_json::from_str::<Limits>(text).unwrap().check().unwrap_err();
            assert!(refused.contains(key), "{text}: {refused}");
        }
    }
}
