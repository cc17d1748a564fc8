//! Where in a settings file a value stands.

use serde_json::Value;
use serde_saphyr::granit_parser::{Event, Parser};

/// One step from a value to one inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Item(usize),
}

impl Step {
    pub(super) fn find_in<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Key(key) => value.get(key),
            Self::Item(index) => value.get(index),
        }
    }

    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Item(_) => None,
        }
    }
}

/// As people write it: `models[1].batch.size`.
pub(super) fn written(place: &[Step]) -> String {
    let mut text = String::new();
    for step in place {
        match step {
            Step::Item(index) => text.extend(["[", index.to_string().as_str(), "]"]),
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.extend([".", key.as_str()]),
        }
    }
    text
}

/// The line of a YAML file that a place stands in, or what leads to it where the file has it not.
pub(super) fn line_of(place: &[Step], file: &str) -> Option<usize> {
    let mut walk = Walk::default();
    let (mut depth, mut line) = (0, None);
    for (event, span) in Parser::new_from_str(file).map_while(Result::ok) {
        let at = walk.follow(&event);
        if at.is_some_and(|at| at.len() > depth && place.starts_with(at)) {
            (depth, line) = (walk.place.len(), Some(span.start.line()));
        }
    }
    line
}

/// What comes next in a mapping or list that has begun.
enum Open {
    Key,
    Value,
    Item(usize),
}

/// A way through the events of a file.
#[derive(Default)]
struct Walk {
    open: Vec<Open>,
    place: Vec<Step>,
}

impl Walk {
    /// The place that an event is the beginning of, if so.
    fn follow(&mut self, event: &Event<'_>) -> Option<&[Step]> {
        match event {
            Event::Scalar(text, ..) => self.enter(text),
            Event::Alias(_) => self.enter(""),
            Event::MappingStart(..) => self.open_at(Open::Key),
            Event::SequenceStart(..) => self.open_at(Open::Item(0)),
            Event::MappingEnd | Event::SequenceEnd => {
                self.open.pop();
                self.place.truncate(self.open.len());
                None
            }
            _ => None,
        }
    }

    fn open_at(&mut self, first: Open) -> Option<&[Step]> {
        let entered = self.enter("").is_some();
        self.open.push(first);
        entered.then_some(self.place.as_slice())
    }

    fn enter(&mut self, text: &str) -> Option<&[Step]> {
        let depth = self.open.len();
        let next = self.open.last_mut()?;
        let step = match next {
            Open::Key => {
                *next = Open::Value;
                Step::Key(text.to_owned())
            }
            Open::Value => {
                *next = Open::Key;
                return None;
            }
            Open::Item(index) => {
                *index += 1;
                Step::Item(*index - 1)
            }
        };
        self.place.truncate(depth - 1);
        self.place.push(step);
        Some(&self.place)
    }
}

/// The place that these keys and numbers lead to.
#[cfg(test)]
pub(super) fn place_of(steps: &[&str]) -> Vec<Step> {
    let step = |text: &&str| match text.parse() {
        Ok(index) => Step::Item(index),
        Err(_) => Step::Key((*text).to_owned()),
    };
    steps.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "host: a
limits:
  request:
    body: 1
  queue:
    reqests: 1
models:
  - path: x
    batch: {size: 1}
  - path: y
    \"thread\": 1
    batch:
      size: 2
";
    const FLOW: &str = "limits: {queue: {reqests: 1}}
models:
  - {path: x, batch: {sise: 1}}
  - {path: y,
     thread: 1}
also: &a [1, 2]
more: *a
last: 1
";

    #[test]
    fn every_place_has_its_line_however_the_file_is_written() {
        for (file, place, line) in [
            (BLOCK, &["limits", "queue", "reqests"][..], 6),
            (BLOCK, &["models", "1"], 10),
            (BLOCK, &["models", "1", "thread"], 11),
            (BLOCK, &["models", "0", "batch", "size"], 9),
            (BLOCK, &["models", "1", "batch", "size"], 13),
            (FLOW, &["limits", "queue", "reqests"], 1),
            (FLOW, &["models", "0", "batch", "sise"], 3),
            (FLOW, &["models", "1", "thread"], 5),
            (FLOW, &["also", "1"], 6),
            (FLOW, &["last"], 8),
        ] {
            assert_eq!(line_of(&place_of(place), file), Some(line), "{place:?} of\n{file}");
        }
    }

    #[test]
    fn what_is_missing_stands_where_it_would() {
        let missing = place_of(&["models", "1", "runner"]);
        assert_eq!(line_of(&missing, BLOCK), Some(10));
        assert_eq!(line_of(&place_of(&["port"]), BLOCK), None);
    }

    #[test]
    fn a_place_is_written_as_people_do() {
        let place = place_of(&["models", "1", "batch", "size"]);
        assert_eq!(written(&place), "models[1].batch.size");
    }
}
