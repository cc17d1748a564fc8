//! The table of settings in docs/serving.md has every key with its default, and no other.

#![cfg(feature = "http")]

use std::{collections::BTreeMap, path::Path};

use inference_server::{FolderSettings, ModelEntry, ServerSettings, TlsSettings};
use serde_json::{Value, json};

const REQUIRED: &str = "required";

fn rows(page: &str) -> BTreeMap<String, String> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let key = cells.next()?.strip_suffix('`')?;
        Some((key.to_owned(), cells.next()?.trim_matches('`').to_owned()))
    };
    page.lines().skip_while(|line| *line != "| key | default | meaning |").filter_map(row).collect()
}

/// Every key that holds no other keys, with the text of its value.
fn leaves(prefix: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    let text = match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                let separator = if prefix.is_empty() { "" } else { "." };
                leaves(&format!("{prefix}{separator}{key}"), value, into);
            }
            return;
        }
        Value::String(text) => text.clone(),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    };
    into.insert(prefix.to_owned(), text);
}

fn settings() -> BTreeMap<String, String> {
    let plain = serde_json::to_value(ServerSettings::default()).unwrap();
    let mut document = plain.as_object().unwrap().clone();
    for part in ["models", "folder", "tls"] {
        document.remove(part).unwrap();
    }
    let folder: FolderSettings = serde_json::from_value(json!({"path": "required"})).unwrap();
    let mut folder = serde_json::to_value(folder).unwrap();
    folder["settings"] = "as `models[]`".into();
    let tls = TlsSettings { certificate: REQUIRED.into(), key: REQUIRED.into() };
    document.insert("models[]".into(), serde_json::to_value(ModelEntry::new(REQUIRED)).unwrap());
    document.insert("folder".into(), folder);
    document.insert("tls".into(), serde_json::to_value(tls).unwrap());
    let mut all = BTreeMap::new();
    leaves("", &Value::Object(document), &mut all);
    all
}

#[test]
fn the_reference_has_every_key_with_its_default() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/serving.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (told, real) = (rows(&page), settings());
    assert!(real.len() > 40, "{real:?}");
    let trimmed =
        |(key, text): (&String, &String)| (key.clone(), text.trim_matches('`').to_owned());
    let real: BTreeMap<_, _> = real.iter().map(trimmed).collect();
    let wrong: Vec<_> = real.iter().filter(|(key, text)| told.get(*key) != Some(text)).collect();
    let extra: Vec<_> = told.keys().filter(|key| !real.contains_key(*key)).collect();
    assert!(
        wrong.is_empty() && extra.is_empty(),
        "missing or wrong: {wrong:?}\nunknown: {extra:?}"
    );
}
