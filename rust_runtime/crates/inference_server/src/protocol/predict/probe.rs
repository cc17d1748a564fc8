use crate::{
    ServerError,
    protocol::{
        Result,
        json::{Kind, Reader},
    },
};

/// Takes a value, or arrays nested evenly, and tells the shape of the nesting.
pub(super) fn shape(reader: &mut Reader<'_>, most_axes: usize) -> Result<Vec<usize>> {
    let mut probe = Probe { lengths: Vec::new(), rank: None, most_axes };
    probe.level(reader, 0)?;
    Ok(probe.lengths.into_iter().map(|length| length.unwrap_or(0)).collect())
}

struct Probe {
    /// The length of each axis, once an array of it has ended.
    lengths: Vec<Option<usize>>,
    /// How deep the first value stood.
    rank: Option<usize>,
    most_axes: usize,
}

impl Probe {
    fn level(&mut self, reader: &mut Reader<'_>, axis: usize) -> Result<()> {
        match reader.kind() {
            Kind::Array => self.array(reader, axis),
            Kind::Scalar if *self.rank.get_or_insert(axis) == axis => reader.skip(),
            Kind::Scalar => Err(uneven()),
            Kind::Object | Kind::String => Err(reader.unexpected("a number or an array")),
        }
    }

    fn array(&mut self, reader: &mut Reader<'_>, axis: usize) -> Result<()> {
        if self.rank.is_some_and(|rank| axis >= rank) {
            return Err(uneven());
        }
        if axis == self.most_axes {
            let message = format!("the tensor has more than {} axes", self.most_axes);
            return Err(ServerError::bad_input(message));
        }
        if axis == self.lengths.len() {
            self.lengths.push(None);
        }
        let mut items = 0;
        reader.array(|reader| {
            items += 1;
            self.level(reader, axis + 1)
        })?;
        if *self.lengths[axis].get_or_insert(items) == items { Ok(()) } else { Err(uneven()) }
    }
}

#[cold]
fn uneven() -> ServerError {
    ServerError::bad_input("the nested data is uneven; arrays side by side must be alike")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(text: &str) -> Result<Vec<usize>> {
        shape(&mut Reader::new(text.as_bytes(), 100)?, 4)
    }

    #[test]
    fn the_nesting_is_the_shape() {
        let cases: [(&str, &[usize]); 7] = [
            ("5", &[]),
            ("[1,2,3]", &[3]),
            ("[[1,2,3],[4,5,6]]", &[2, 3]),
            ("[[[true]],[[false]]]", &[2, 1, 1]),
            ("[]", &[0]),
            ("[[],[]]", &[2, 0]),
            ("[[[[1]]]]", &[1, 1, 1, 1]),
        ];
        for (text, expected) in cases {
            assert_eq!(probe(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn uneven_nesting_is_refused() {
        let texts = [
            "[[1,2],[3]]",
            "[[1],2]",
            "[1,[2]]",
            "[[],[1]]",
            "[[[1]],[2]]",
            "[[],[[]],[1]]",
            "[[[[[1]]]]]",
            "[\"1\"]",
            "[{}]",
            "\"1\"",
            "{}",
            "[1",
            "[[1],[x]]",
        ];
        for text in texts {
            assert!(probe(text).is_err(), "{text}");
        }
    }
}
