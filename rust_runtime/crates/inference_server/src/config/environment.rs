use serde_json::{Map, Value};

use super::{document::lay_over, nearest::nearest, place::Step};
use crate::StartError;

const PREFIX: &str = "OXIDIZEDVISION_SERVER_";
/// Names the settings file itself.
const FILE: &str = "CONFIG";
/// Stands between a key and those below it.
const BELOW: &str = "__";

/// The variables of this process, but for those that are no text.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// What the environment says of a server.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Told {
    /// The settings file, where one is named.
    pub(super) file: Option<String>,
    /// The settings themselves.
    pub(super) document: Value,
}

/// Takes the server's variables out of all.
///
/// # Errors
/// [`StartError`] of kind `config` for a variable that is meant for the server and names no key.
pub(super) fn told(
    variables: impl Iterator<Item = (String, String)>,
    template: &Value,
) -> Result<Told, StartError> {
    let mut told = Told { file: None, document: Value::Object(Map::new()) };
    for (name, text) in variables {
        let Some(key) = name.strip_prefix(PREFIX) else { continue };
        if key == FILE {
            told.file = Some(text);
            continue;
        }
        let path: Vec<String> = key.split(BELOW).map(str::to_ascii_lowercase).collect();
        let known = known_at(template, &path).ok_or_else(|| unknown(&name, &path, template))?;
        let mut document = value_of(&text, known);
        for key in path.into_iter().rev() {
            document = Value::Object(Map::from_iter([(key, document)]));
        }
        lay_over(&mut told.document, document);
    }
    Ok(told)
}

/// The variable that holds the value of a place.
pub(super) fn variable_of(place: &[Step]) -> String {
    let keys: Vec<&str> = place.iter().map_while(Step::key).collect();
    format!("{PREFIX}{}", keys.join(BELOW).to_ascii_uppercase())
}

fn known_at<'a>(template: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(template, |value, key| value.get(key))
}

/// A value is read as in a settings file, but text stays text whatever it looks like: a token may
/// be all digits.
fn value_of(text: &str, known: &Value) -> Value {
    let amount = |known: &str| known.contains(' ');
    if known.as_str().is_some_and(|known| !amount(known)) {
        return Value::String(text.to_owned());
    }
    serde_saphyr::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn unknown(name: &str, path: &[String], template: &Value) -> StartError {
    let known = variables_of(template);
    let key = path.join(BELOW).to_ascii_uppercase();
    let error = StartError::new("config", format!("the variable {name} names no setting"));
    match nearest(&key, known.iter().map(String::as_str)) {
        Some(nearest) => error.with_hint(format!("Did you mean {PREFIX}{nearest}?")),
        None => error.with_hint(format!(
            "Keys of the settings file in capitals, with {BELOW} before those that stand below, \
             as in {PREFIX}LIMITS{BELOW}QUEUE{BELOW}REQUESTS."
        )),
    }
}

/// The names of all variables, without their common beginning.
fn variables_of(template: &Value) -> Vec<String> {
    let Value::Object(members) = template else { return Vec::new() };
    let below = |(key, value): (&String, &Value)| {
        let name = key.to_ascii_uppercase();
        let longer: Vec<String> =
            variables_of(value).into_iter().map(|rest| format!("{name}{BELOW}{rest}")).collect();
        std::iter::once(name).chain(longer)
    };
    members.iter().flat_map(below).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::document::template;

    fn read(variables: &[(&str, &str)]) -> Result<Told, StartError> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        told(variables.iter().map(owned), &template())
    }

    #[test]
    fn variables_are_keys_in_capitals() {
        let told = read(&[
            ("HOME", "/root"),
            ("OXIDIZEDVISION_SERVER_PORT", "9000"),
            ("OXIDIZEDVISION_SERVER_LIMITS__QUEUE__REQUESTS", "7"),
            ("OXIDIZEDVISION_SERVER_LIMITS__REQUEST__BODY", "1 MiB"),
            ("OXIDIZEDVISION_SERVER_LIMITS__REQUEST__MEMORY", "4096"),
            ("OXIDIZEDVISION_SERVER_CONTROL__TOKEN", "0123456789012345"),
            ("OXIDIZEDVISION_SERVER_MODELS", "[{path: a.onnx, runner: rten}]"),
            ("OXIDIZEDVISION_SERVER_CONFIG", "server.yml"),
        ])
        .unwrap();
        let expected = json!({
            "port": 9000,
            "limits": {"queue": {"requests": 7}, "request": {"body": "1 MiB", "memory": 4096}},
            "control": {"token": "0123456789012345"},
            "models": [{"path": "a.onnx", "runner": "rten"}],
        });
        assert_eq!((told.file.as_deref(), told.document), (Some("server.yml"), expected));
    }

    #[test]
    fn a_variable_that_names_no_key_is_refused_with_the_nearest() {
        let error = read(&[("OXIDIZEDVISION_SERVER_PROT", "1")]).unwrap_err();
        assert!(error.to_string().contains("SERVER_PROT"), "{error}");
        assert!(error.hint().contains("OXIDIZEDVISION_SERVER_PORT"), "{}", error.hint());
        let error = read(&[("OXIDIZEDVISION_SERVER_LIMITS__QUEUE__REQUEST", "1")]).unwrap_err();
        assert!(error.hint().contains("LIMITS__QUEUE__REQUESTS"), "{}", error.hint());
    }
}
