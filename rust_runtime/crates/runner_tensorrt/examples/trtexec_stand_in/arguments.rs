use std::{collections::BTreeMap, str::FromStr};

use crate::{Errors, stage::Stage};

/// Shapes by name.
pub(crate) type Shapes = BTreeMap<String, Vec<usize>>;

/// The arguments, once no flag of another version is among them.
pub(crate) struct Arguments(BTreeMap<String, String>);

impl Arguments {
    /// As `argsToArgumentsMap`: the first `=` ends the flag.
    pub(crate) fn parse(stage: &Stage, words: &[String]) -> Result<Self, Errors> {
        let known = stage.flags();
        let pairs: BTreeMap<String, String> = words
            .iter()
            .map(|word| word.split_once('=').unwrap_or((word, "")))
            .map(|(flag, value)| (flag.to_owned(), value.to_owned()))
            .collect();
        let unknown = pairs.iter().filter(|(flag, _)| !known.contains(&flag.as_str()));
        let errors: Errors =
            unknown.map(|(flag, value)| format!("Unknown option: {flag} {value}")).collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        let arguments = Self(pairs);
        let has = |flag| arguments.value(flag).is_some();
        if has("--loadEngine") && has("--saveEngine") {
            return Err(vec!["Incompatible load and save engine options selected".to_owned()]);
        }
        if !has("--loadEngine") && !has("--onnx") {
            return Err(vec!["Model missing or format not recognized".to_owned()]);
        }
        Ok(arguments)
    }

    pub(crate) fn value(&self, flag: &str) -> Option<&str> {
        self.0.get(flag).map(String::as_str)
    }

    pub(crate) fn number<T: FromStr>(&self, flag: &str) -> Result<Option<T>, Errors> {
        let read = |text: &str| text.parse().map_err(|_| vec!["stoi".to_owned()]);
        self.value(flag).map(read).transpose()
    }

    /// `name:1x3x8x8,other:4`, as `splitNameAndValue` reads it.
    pub(crate) fn shapes(&self, flag: &str) -> Result<Shapes, Errors> {
        let mut shapes = Shapes::new();
        for (name, text) in self.pairs(flag)? {
            let lengths: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
            shapes.insert(name, lengths.map_err(|_| vec!["stoi".to_owned()])?);
        }
        Ok(shapes)
    }

    /// A list of `name:value`, split at the last colon.
    pub(crate) fn pairs(&self, flag: &str) -> Result<Vec<(String, String)>, Errors> {
        let entries = self.value(flag).into_iter().flat_map(|list| list.split(','));
        entries
            .map(|entry| {
                let pair =
                    entry.rsplit_once(':').ok_or_else(|| vec![format!("bad pair {entry}")])?;
                Ok((pair.0.to_owned(), pair.1.to_owned()))
            })
            .collect()
    }
}
