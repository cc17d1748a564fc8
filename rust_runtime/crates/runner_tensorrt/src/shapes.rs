use std::{collections::BTreeMap, fmt::Write, str::FromStr};

use runner_core::{Dim, TensorSpec};

/// Shapes by input name, written `x:1x3x224x224,mask:1x224x224`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ShapeList(pub(crate) BTreeMap<String, Vec<usize>>);

impl FromStr for ShapeList {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut shapes = BTreeMap::new();
        for entry in text.split(',') {
            let (name, lengths) = entry.rsplit_once(':').ok_or(())?;
            let lengths: Result<Vec<usize>, _> = lengths.split('x').map(str::parse).collect();
            let lengths = lengths.map_err(|_| ())?;
            let known = name.is_empty() || lengths.contains(&0);
            if known || shapes.insert(name.to_owned(), lengths).is_some() {
                return Err(());
            }
        }
        Ok(Self(shapes))
    }
}

/// Smallest, best and largest shape of every input that has symbolic axes in the file; the other
/// inputs must not be named to `trtexec`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Profile {
    pub(crate) least: Vec<(String, Vec<usize>)>,
    pub(crate) best: Vec<(String, Vec<usize>)>,
    pub(crate) most: Vec<(String, Vec<usize>)>,
}

impl Profile {
    /// A profile of one shape.
    pub(crate) fn fixed(shapes: Vec<(String, Vec<usize>)>) -> Self {
        Self { least: shapes.clone(), best: shapes.clone(), most: shapes }
    }

    /// Fits three lists to the inputs that need shapes.
    ///
    /// # Errors
    /// What does not fit.
    pub(crate) fn ranged(
        inputs: &[&TensorSpec],
        [least, best, most]: [&ShapeList; 3],
    ) -> Result<Self, String> {
        for (option, list) in [("min_shapes", least), ("opt_shapes", best), ("max_shapes", most)] {
            let unknown = list.0.keys().find(|name| !inputs.iter().any(|spec| spec.name == **name));
            if let Some(name) = unknown {
                return Err(format!("option {option} names {name:?}, which has no symbolic axes"));
            }
            for spec in inputs {
                let given = list.0.get(&spec.name);
                let shape =
                    given.ok_or_else(|| format!("option {option} leaves out {:?}", spec.name))?;
                if !fits(&spec.dims, shape) {
                    let (name, dims) = (&spec.name, spec.dims_text());
                    return Err(format!("option {option}: {name:?} is {dims}, not {shape:?}"));
                }
            }
        }
        for spec in inputs {
            let [low, middle, high] = [least, best, most].map(|list| &list.0[&spec.name]);
            let ordered = |low: &[usize], high: &[usize]| low.iter().zip(high).all(|(a, b)| a <= b);
            if !ordered(low, middle) || !ordered(middle, high) {
                let name = &spec.name;
                return Err(format!(
                    "{name:?}: min_shapes ≤ opt_shapes ≤ max_shapes does not hold"
                ));
            }
        }
        let pick = |list: &ShapeList| {
            inputs.iter().map(|spec| (spec.name.clone(), list.0[&spec.name].clone())).collect()
        };
        Ok(Self { least: pick(least), best: pick(best), most: pick(most) })
    }

    /// The input that lies outside, with its range.
    pub(crate) fn outside(&self, name: &str, shape: &[usize]) -> Option<String> {
        let at = self.least.iter().position(|(known, _)| known == name)?;
        let (low, high) = (&self.least[at].1, &self.most[at].1);
        let inside = shape
            .iter()
            .zip(low.iter().zip(high))
            .all(|(length, (low, high))| (low..=high).contains(&length));
        (!inside).then(|| format!("the engine was built for {low:?} to {high:?}, got {shape:?}"))
    }
}

fn fits(dims: &[Dim], shape: &[usize]) -> bool {
    dims.len() == shape.len()
        && dims.iter().zip(shape).all(|(dim, length)| match dim {
            Dim::Fixed(expected) => length == expected,
            Dim::Symbol(_) => true,
        })
}

/// Shapes as `trtexec` takes them.
pub(crate) fn flag_value(shapes: &[(String, Vec<usize>)]) -> String {
    let mut text = String::new();
    for (name, shape) in shapes {
        let lengths: Vec<String> = shape.iter().map(ToString::to_string).collect();
        let comma = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{comma}{name}:{}", lengths.join("x"));
    }
    text
}

#[cfg(test)]
mod tests {
    use runner_core::DType;

    use super::*;

    fn list(text: &str) -> ShapeList {
        text.parse().unwrap()
    }

    fn picture() -> TensorSpec {
        let dims = vec![Dim::Symbol("n".into()), Dim::Fixed(3), Dim::Symbol("w".into())];
        TensorSpec { name: "in:0".into(), dtype: DType::F32, dims }
    }

    #[test]
    fn shapes_are_read_and_written_alike() {
        let read = list("in:0:1x3x8,mask:4");
        assert_eq!(read.0["in:0"], [1, 3, 8]);
        let flat: Vec<_> = read.0.into_iter().collect();
        assert_eq!(flag_value(&flat), "in:0:1x3x8,mask:4");
        for text in ["", "x", "x:", ":1", "x:1x", "x:-1", "x:0x3", "x:1,x:2", "x:1,,y:2"] {
            assert!(text.parse::<ShapeList>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_profile_covers_every_input_in_order() {
        let spec = picture();
        let profile = |least: &str, best: &str, most: &str| {
            Profile::ranged(&[&spec], [&list(least), &list(best), &list(most)])
        };
        let good = profile("in:0:1x3x8", "in:0:2x3x8", "in:0:4x3x9").unwrap();
        assert_eq!(good.outside("in:0", &[4, 3, 9]), None);
        assert_eq!(good.outside("other", &[1]), None);
        assert!(good.outside("in:0", &[5, 3, 9]).unwrap().contains("[4, 3, 9]"));
        for (least, best, most, reason) in [
            ("x:1", "in:0:2x3x8", "in:0:4x3x9", "names \"x\""),
            ("in:0:1x4x8", "in:0:2x3x8", "in:0:4x3x9", "not [1, 4, 8]"),
            ("in:0:1x3", "in:0:2x3x8", "in:0:4x3x9", "not [1, 3]"),
            ("in:0:3x3x8", "in:0:2x3x8", "in:0:4x3x9", "does not hold"),
        ] {
            let error = profile(least, best, most).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        let empty = ShapeList::default();
        assert!(
            Profile::ranged(&[&spec], [&empty, &empty, &empty]).unwrap_err().contains("leaves")
        );
    }
}
