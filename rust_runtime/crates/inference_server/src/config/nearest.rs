/// The known name that is most like an unknown one, where any is.
pub(super) fn nearest<'a>(
    unknown: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let distances = known.into_iter().map(|name| (distance(unknown, name), name));
    let (distance, name) = distances.min()?;
    (distance <= unknown.chars().count().div_ceil(2)).then_some(name)
}

/// How many letters must be put in, left out or exchanged.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.chars().enumerate() {
        let mut before = row[0];
        row[0] = index + 1;
        for (place, other) in to.iter().enumerate() {
            let exchanged = before + usize::from(letter != *other);
            before = row[place + 1];
            row[place + 1] = exchanged.min(before + 1).min(row[place] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (from, to, expected) in
            [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("port", "port", 0)]
        {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }

    #[test]
    fn only_what_is_alike_is_proposed() {
        let known = ["host", "port", "models", "limits"];
        assert_eq!(nearest("prot", known), Some("port"));
        assert_eq!(nearest("model", known), Some("models"));
        assert_eq!(nearest("zzzzzz", known), None);
    }
}
