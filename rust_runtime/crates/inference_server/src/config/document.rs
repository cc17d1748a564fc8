//! Settings as a document, before they are settings.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{
    models::ModelEntry,
    nearest::nearest,
    place::Step,
    settings::{ControlSettings, FolderSettings, ServerSettings, TlsSettings},
};
use crate::{StartError, model::ModelSettings};

/// A key that is not known, with the way to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    /// The way to it, itself the last step.
    pub(super) place: Vec<Step>,
    /// The known key that is most like it.
    pub(super) nearest: Option<String>,
}

/// A document that has every key there is; an object without keys takes any.
pub(super) fn template() -> Value {
    let path = PathBuf::new;
    let settings = ServerSettings {
        models: vec![ModelEntry::new(path())],
        runner: Some(String::new()),
        folder: Some(FolderSettings {
            path: path(),
            every: std::time::Duration::from_secs(1),
            runner: Some(String::new()),
            settings: ModelSettings::default(),
        }),
        control: ControlSettings {
            loopback: false,
            token: Some(String::new()),
            token_file: Some(path()),
        },
        tls: Some(TlsSettings { certificate: path(), key: path() }),
        ..ServerSettings::default()
    };
    // Plain data: writing it cannot fail.
    serde_json::to_value(settings).unwrap_or_else(|_| json!({}))
}

/// Lays one document over another: objects are merged, everything else takes the place of what
/// was there.
pub(super) fn lay_over(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                lay_over(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

/// The first key that the template has not.
pub(super) fn unknown_key(document: &Value, template: &Value) -> Option<Unknown> {
    match (document, template) {
        (Value::Object(members), Value::Object(known)) if !known.is_empty() => {
            members.iter().find_map(|(key, value)| {
                let Some(below) = known.get(key) else { return Some(unknown(key, known)) };
                unknown_key(value, below).map(|found| found.under(Step::Key(key.clone())))
            })
        }
        (Value::Array(items), Value::Array(known)) => {
            let of_item = known.first()?;
            items.iter().enumerate().find_map(|(index, item)| {
                unknown_key(item, of_item).map(|found| found.under(Step::Item(index)))
            })
        }
        _ => None,
    }
}

fn unknown(key: &str, known: &Map<String, Value>) -> Unknown {
    let nearest = nearest(key, known.keys().map(String::as_str)).map(ToOwned::to_owned);
    Unknown { place: vec![Step::Key(key.to_owned())], nearest }
}

impl Unknown {
    fn under(mut self, step: Step) -> Self {
        self.place.insert(0, step);
        self
    }

    /// Adds the known key that is most like it to an error.
    pub(super) fn hinted(&self, error: StartError) -> StartError {
        match &self.nearest {
            Some(nearest) => error.with_hint(format!("Did you mean {nearest}?")),
            None => error,
        }
    }
}

/// Makes the paths of a file's document start at the file's folder.
pub(super) fn rebase(document: &mut Value, folder: &Path) {
    let of_models = document.get_mut("models").and_then(Value::as_array_mut);
    for model in of_models.into_iter().flatten() {
        if let Some(path) = model.get_mut("path") {
            rebase_at(path, folder);
        }
    }
    for pointer in
        ["/folder", "/folder/path", "/tls/certificate", "/tls/key", "/control/token_file"]
    {
        if let Some(path) = document.pointer_mut(pointer) {
            rebase_at(path, folder);
        }
    }
}

fn rebase_at(place: &mut Value, folder: &Path) {
    if let Value::String(text) = place {
        // An absolute path stays as it is.
        *text = folder.join(&*text).to_string_lossy().into_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::place::place_of;

    #[test]
    fn later_documents_win_key_by_key() {
        let mut below = json!({"host": "a", "limits": {"queue": {"requests": 1, "memory": 2}}});
        lay_over(&mut below, json!({"port": 1, "limits": {"queue": {"requests": 9}}}));
        let expected =
            json!({"host": "a", "port": 1, "limits": {"queue": {"requests": 9, "memory": 2}}});
        assert_eq!(below, expected);
        lay_over(&mut below, json!({"models": [{"path": "x"}]}));
        lay_over(&mut below, json!({"models": [{"path": "y"}]}));
        assert_eq!(below["models"], json!([{"path": "y"}]));
    }

    #[test]
    fn an_unknown_key_is_found_wherever_it_stands() {
        let template = template();
        for (document, place, nearest) in [
            (json!({"prot": 1}), &["prot"][..], Some("port")),
            (json!({"limits": {"que": {}}}), &["limits", "que"], Some("queue")),
            (
                json!({"models": [{"path": "x"}, {"path": "y", "thread": 1}]}),
                &["models", "1", "thread"],
                Some("threads"),
            ),
            (json!({"tls": {"cert": "x", "private": 1}}), &["tls", "cert"], None),
            (
                json!({"folder": {"settings": {"batch": {"sise": 1}}}}),
                &["folder", "settings", "batch", "sise"],
                Some("size"),
            ),
        ] {
            let found = unknown_key(&document, &template).unwrap();
            assert_eq!(found.place, place_of(place), "{document}");
            assert_eq!(found.nearest.as_deref(), nearest, "{document}");
        }
        let free =
            json!({"models": [{"path": "x", "options": {"any": 1}, "input_shapes": {"x": [1]}}]});
        assert_eq!(unknown_key(&free, &template), None);
    }

    #[test]
    fn paths_of_a_file_start_at_its_folder() {
        let mut document = json!({
            "models": [{"path": "m.onnx"}, {"path": "/m.onnx"}], "folder": {"path": "models"}
        });
        rebase(&mut document, Path::new("/etc/server"));
        assert_eq!(document["models"][0]["path"], "/etc/server/m.onnx");
        assert_eq!(document["models"][1]["path"], "/m.onnx");
        assert_eq!(document["folder"]["path"], "/etc/server/models");
    }
}
