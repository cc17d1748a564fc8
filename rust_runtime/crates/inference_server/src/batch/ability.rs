use runner_core::{Dim, ModelInfo, TensorSpec};

/// Whether requests of a model can share one run of its engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Batching {
    /// Requests are put together along axis 0.
    Possible,
    /// Every request runs by itself; the reason is for people.
    Off(String),
}

impl Batching {
    /// What the specs say: all inputs start with the same symbolic axis, and all outputs with a
    /// symbolic one.
    pub fn declared(info: &ModelInfo) -> Self {
        match refusal(info) {
            Some(reason) => Self::Off(reason),
            None => Self::Possible,
        }
    }

    /// Whether requests may share a run.
    pub fn is_possible(&self) -> bool {
        *self == Self::Possible
    }

    /// Why they may not.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Possible => None,
            Self::Off(reason) => Some(reason),
        }
    }
}

fn refusal(info: &ModelInfo) -> Option<String> {
    let mut batch: Option<&str> = None;
    for input in &info.inputs {
        let symbol = match symbol(input) {
            Ok(symbol) => symbol,
            Err(reason) => return Some(format!("input {:?} {reason}", input.name)),
        };
        match batch.replace(symbol) {
            Some(other) if other != symbol => {
                let name = &input.name;
                return Some(format!("the first axis of input {name:?} is {symbol}, not {other}"));
            }
            _ => {}
        }
    }
    if batch.is_none() {
        return Some("the model has no input".to_owned());
    }
    let outputs = info.outputs.iter();
    let refused = outputs.map(|output| (output, symbol(output))).find(|(_, found)| found.is_err());
    refused.map(|(output, found)| {
        format!("output {:?} {}", output.name, found.err().unwrap_or_default())
    })
}

/// The name of a spec's first axis.
fn symbol(spec: &TensorSpec) -> Result<&str, String> {
    match spec.dims.first() {
        Some(Dim::Symbol(name)) => Ok(name),
        Some(Dim::Fixed(length)) => Err(format!("has a fixed first axis of length {length}")),
        None => Err("is a scalar".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{info, spec};

    fn declared(inputs: &[&[&str]], outputs: &[&[&str]]) -> Batching {
        let specs = |all: &[&[&str]], name: &str| -> Vec<TensorSpec> {
            let named = all.iter().enumerate();
            named.map(|(index, dims)| spec(&format!("{name}{index}"), dims)).collect()
        };
        Batching::declared(&info(specs(inputs, "x"), specs(outputs, "y")))
    }

    #[test]
    fn a_batch_axis_everywhere_makes_batching_possible() {
        assert!(declared(&[&["n", "3"]], &[&["n", "5"]]).is_possible());
        assert!(declared(&[&["n"], &["n", "h"]], &[&["n"], &["unknown_0"]]).is_possible());
    }

    #[test]
    fn where_it_is_not_the_reason_names_the_tensor() {
        for (inputs, outputs, named) in [
            (&[&["1", "3"][..]][..], &[&["1", "5"][..]][..], "x0"),
            (&[&["n"], &["2"]], &[&["n"]], "x1"),
            (&[&["n"], &["m"]], &[&["n"]], "x1"),
            (&[&["n"], &[]], &[&["n"]], "x1"),
            (&[&["n"]], &[&["n"], &["1", "n"]], "y1"),
            (&[&["n"]], &[&[]], "y0"),
        ] {
            let found = declared(inputs, outputs);
            assert!(found.reason().is_some_and(|reason| reason.contains(named)), "{found:?}");
        }
        assert!(!declared(&[], &[&["n"]]).is_possible());
    }
}
