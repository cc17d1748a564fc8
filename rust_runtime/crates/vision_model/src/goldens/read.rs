use std::collections::BTreeMap;

use runner_core::{DType, Tensor};
use safetensors::{SafeTensors, tensor::TensorView};

use super::{GoldenCase, Goldens, Tolerance};

pub(super) fn goldens(bytes: &[u8]) -> Result<Goldens, String> {
    let tolerance = tolerance(bytes)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let mut cases: BTreeMap<String, GoldenCase> = BTreeMap::new();
    for (key, view) in tensors.tensors() {
        let mut parts = key.splitn(3, '/');
        let (Some(name), Some(kind), Some(tensor)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(format!("{key:?} is no tensor of a case"));
        };
        let case = cases.entry(name.to_owned()).or_default();
        name.clone_into(&mut case.name);
        let list = match kind {
            "input" => &mut case.inputs,
            "output" => &mut case.outputs,
            _ => return Err(format!("{key:?} is neither an input nor an output")),
        };
        list.push((tensor.to_owned(), tensor_of(&key, &view)?));
    }
    let cases: Vec<GoldenCase> = cases.into_values().collect();
    match cases.iter().find(|case| case.inputs.is_empty() || case.outputs.is_empty()) {
        _ if cases.is_empty() => Err("holds no case".to_owned()),
        Some(case) => Err(format!("case {:?} lacks its inputs or its outputs", case.name)),
        None => Ok(Goldens { tolerance, cases }),
    }
}

fn tolerance(bytes: &[u8]) -> Result<Tolerance, String> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let metadata = metadata.metadata().as_ref().ok_or("has no metadata")?;
    match metadata.get("schema_version").map(String::as_str) {
        Some("1") => {}
        version => return Err(format!("has schema_version {}", version.unwrap_or("none"))),
    }
    let json = metadata.get("tolerance").ok_or("names no tolerance")?;
    serde_json::from_str(json).map_err(|error| format!("its tolerance cannot be read: {error}"))
}

fn tensor_of(key: &str, view: &TensorView<'_>) -> Result<Tensor, String> {
    let stored = view.dtype().to_string();
    let dtype = DType::ALL.into_iter().find(|dtype| dtype.name().eq_ignore_ascii_case(&stored));
    let dtype =
        dtype.ok_or_else(|| format!("{key:?}: holds {stored}, which no model takes or gives"))?;
    Tensor::from_le_bytes(dtype, view.shape(), view.data())
        .ok_or_else(|| format!("{key:?}: its values do not fill its shape"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use safetensors::Dtype;

    use super::*;

    fn file(metadata: &[(&str, &str)], names: &[&str]) -> Vec<u8> {
        let data = 1.5_f32.to_le_bytes();
        let view = || TensorView::new(Dtype::F32, vec![1], &data).unwrap();
        let metadata: HashMap<String, String> =
            metadata.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        safetensors::serialize(names.iter().map(|name| (*name, view())), Some(metadata)).unwrap()
    }

    const TOLERANCE: (&str, &str) = ("tolerance", r#"{"mae":1e-5,"cosine_similarity":0.999}"#);

    #[test]
    fn cases_are_gathered() {
        let names = ["a-0/input/x", "a-0/output//y/z", "b/input/x", "b/output/y"];
        let goldens = goldens(&file(&[("schema_version", "1"), TOLERANCE], &names)).unwrap();
        assert_eq!(goldens.cases.len(), 2);
        assert_eq!(goldens.cases[0].outputs[0].0, "/y/z");
        let expected = Tensor::from(ndarray::arr1(&[1.5_f32]).into_dyn());
        assert_eq!(goldens.cases[0].inputs[0].1, expected);
    }

    #[test]
    fn every_element_type_is_read() {
        let data = [1_u8, 0, 0, 0, 0, 0, 0, 0];
        for (dtype, length, expected) in [
            (Dtype::I64, 8, Tensor::from(ndarray::arr1(&[1_i64]).into_dyn())),
            (Dtype::U8, 1, Tensor::from(ndarray::arr1(&[1_u8]).into_dyn())),
            (Dtype::BOOL, 1, Tensor::from(ndarray::arr1(&[true]).into_dyn())),
        ] {
            let view = TensorView::new(dtype, vec![1], &data[..length]).unwrap();
            assert_eq!(tensor_of("a/input/x", &view).unwrap(), expected);
        }
        let view = TensorView::new(Dtype::U64, vec![1], &data).unwrap();
        assert!(tensor_of("a/input/x", &view).unwrap_err().contains("a/input/x"));
    }

    #[test]
    fn a_file_that_could_prove_nothing_is_refused() {
        let version = ("schema_version", "1");
        let both = ["a/input/x", "a/output/y"];
        let cases = [
            file(&[version, TOLERANCE], &[]),
            file(&[version, TOLERANCE], &["a/input/x"]),
            file(&[version, TOLERANCE], &["a/input/x", "b/output/y"]),
            file(&[version, TOLERANCE], &["x"]),
            file(&[version], &both),
            file(&[("schema_version", "2"), TOLERANCE], &both),
            file(&[], &both),
            b"no such format".to_vec(),
        ];
        for (index, bytes) in cases.iter().enumerate() {
            assert!(goldens(bytes).is_err(), "{index}");
        }
    }
}
