//! The key-value pairs of an ONNX file, with the error of this crate.

use std::collections::BTreeMap;

use crate::{VisionError, VisionErrorKind};

/// The pairs of `ModelProto.metadata_props`; the last of equal keys counts.
pub(crate) fn metadata_props(model: &[u8]) -> Result<BTreeMap<String, String>, VisionError> {
    runner_core::onnx::metadata(model).ok_or_else(|| {
        let message = "the model is not an ONNX file, or is cut short";
        VisionError::new(VisionErrorKind::InvalidContract, message)
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A model of an `ir_version`, a graph of 300 bytes and the given pairs.
    pub(crate) fn model_with(props: &[(&str, &str)]) -> Vec<u8> {
        let mut model = vec![0x08, 0x08, 0x3a, 0xac, 0x02];
        model.extend([0x7a; 300]);
        for (key, value) in props {
            let mut entry = vec![0x0a, u8::try_from(key.len()).unwrap()];
            entry.extend(key.as_bytes());
            entry.push(0x12);
            push_varint(&mut entry, value.len());
            entry.extend(value.as_bytes());
            model.push(0x72);
            push_varint(&mut model, entry.len());
            model.extend(entry);
        }
        model
    }

    fn push_varint(bytes: &mut Vec<u8>, mut value: usize) {
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
    }

    #[test]
    fn pairs_are_found_behind_the_graph() {
        let long = "x".repeat(1000);
        let props = metadata_props(&model_with(&[("a", "1"), ("b", &long), ("a", "2")])).unwrap();
        assert_eq!(props["a"], "2");
        assert_eq!(props["b"], long);
        assert!(metadata_props(&model_with(&[])).unwrap().is_empty());
    }

    #[test]
    fn every_cut_and_any_noise_is_an_error_or_an_answer() {
        let model = model_with(&[("key", "value")]);
        let whole_fields = [0, 2, 305, model.len()];
        for end in 0..=model.len() {
            assert_eq!(metadata_props(&model[..end]).is_ok(), whole_fields.contains(&end), "{end}");
        }
        for length in [u64::MAX, 1 << 62] {
            let mut bytes = vec![0x72];
            push_varint(&mut bytes, length as usize);
            assert!(metadata_props(&bytes).is_err());
        }
        assert!(metadata_props(&[0xff; 40]).is_err());
    }
}
