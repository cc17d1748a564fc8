use std::collections::BTreeMap;

use runner_core::RunnerConfig;
use serde::Deserialize;
use serde_json::{Map, Value};
use vision_io::Contract;
use vision_model::ModelError;

use crate::Fault;

/// How a model is loaded; the names are JavaScript's.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Settings {
    /// Stands in messages.
    pub name: Option<String>,
    /// Threads for one run, of those that the page has started.
    pub threads: Option<usize>,
    /// Lengths for the axes of inputs, by input name.
    pub input_shapes: BTreeMap<String, Vec<usize>>,
    /// Stands in place of what the model says of its pictures.
    pub preprocess: Option<Value>,
    /// Stands in place of what the model says of its outputs.
    pub postprocess: Option<Value>,
    /// The engine's own graph optimisation; left out, it is on.
    pub optimize: Option<bool>,
}

const DEFAULT_NAME: &str = "model.onnx";

impl Settings {
    /// Reads what JavaScript gave.
    ///
    /// # Errors
    /// Kind `invalid_option` for what is unknown or of another type.
    pub fn read(json: &str) -> Result<Self, Fault> {
        serde_json::from_str(json).map_err(|error| {
            let message = format!("the options of a model cannot be read: {error}");
            Fault::new("invalid_option", message, "Leave the option out, or correct it.")
        })
    }

    /// The name for messages.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(DEFAULT_NAME)
    }

    pub(crate) fn apply(&self, config: &mut RunnerConfig) {
        config.threads = self.threads;
        config.input_shapes.clone_from(&self.input_shapes);
        config.optimize = self.optimize.unwrap_or(true);
    }

    /// The contract with what the user gave in its place.
    pub(crate) fn contract(&self, own: Contract) -> Result<Contract, Fault> {
        let given = [("preprocess", &self.preprocess), ("postprocess", &self.postprocess)];
        if given.iter().all(|(_, section)| section.is_none()) {
            return Ok(own);
        }
        let mut sections = match serde_json::to_value(&own) {
            Ok(Value::Object(sections)) => sections,
            _ => Map::new(),
        };
        for (name, section) in given {
            if let Some(section) = section {
                sections.insert(name.to_owned(), section.clone());
            }
        }
        // How far a picture's pixel reaches is the network's, but sizes and axes are the contract's.
        let manifest = Value::Object(sections).to_string();
        Contract::from_manifest(manifest.as_bytes()).map_err(|error| ModelError::from(error).into())
    }
}

#[cfg(test)]
mod tests {
    use vision_io::{Postprocess, Tiling};

    use super::*;

    #[test]
    fn options_have_the_names_of_javascript_and_no_others() {
        let settings = Settings::read(r#"{"inputShapes":{"x":[1,3,8,8]},"threads":2}"#).unwrap();
        assert_eq!((settings.threads, settings.input_shapes["x"].len()), (Some(2), 4));
        let refused = Settings::read(r#"{"input_shapes":{}}"#).unwrap_err();
        assert_eq!(refused.kind(), "invalid_option");
        assert!(refused.message().contains("input_shapes"), "{refused}");
    }

    #[test]
    fn what_is_given_wins_and_the_rest_stays() {
        let tiling = Some(Tiling { overlap: 3, multiple: 2 });
        let own = Contract { tiling, name: Some("own".into()), ..Contract::default() };
        assert_eq!(Settings::default().contract(own.clone()).unwrap(), own);
        let json = r#"{"preprocess":{"mean":[0.5]},"postprocess":{"kind":"raw"}}"#;
        let contract = Settings::read(json).unwrap().contract(own).unwrap();
        assert_eq!(contract.preprocess.unwrap().mean, [0.5]);
        assert!(matches!(contract.postprocess, Some(Postprocess::Raw(_))));
        assert_eq!((contract.tiling, contract.name), (tiling, Some("own".into())));
    }

    #[test]
    fn a_contract_that_cannot_be_kept_is_the_users() {
        let settings = Settings::read(r#"{"preprocess":{"std":[0]}}"#).unwrap();
        let refused = settings.contract(Contract::default()).unwrap_err();
        assert_eq!(refused.kind(), "config");
    }
}
