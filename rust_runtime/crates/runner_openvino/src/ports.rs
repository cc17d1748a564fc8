use crate::native::Port;

/// The engine's index of each name: by name where it has the name, else in the order of the file,
/// which the engine keeps.
///
/// OpenVINO joins values that are the same (through Identity, or an input that is an output): they
/// are one port with several names, of which it tells one.
///
/// # Errors
/// The engine has another number of ports.
pub(crate) fn indices(names: &[&str], ports: &[Port]) -> Result<Vec<usize>, String> {
    if names.len() != ports.len() {
        return Err(format!(
            "OpenVINO has {} where the model has {} ({})",
            ports.len(),
            names.len(),
            names.join(", ")
        ));
    }
    let mut free: Vec<Option<usize>> = (0..ports.len()).map(Some).collect();
    let by_name: Vec<Option<usize>> = names
        .iter()
        .map(|&name| {
            let is_named = |index: &Option<usize>| {
                index.is_some_and(|i| ports[i].name.as_deref() == Some(name))
            };
            free.iter_mut().find(|index| is_named(index)).and_then(Option::take)
        })
        .collect();
    let mut others = free.into_iter().flatten();
    Ok(by_name.into_iter().filter_map(|index| index.or_else(|| others.next())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(names: &[Option<&str>]) -> Vec<Port> {
        let port = |name: Option<&str>| Port {
            name: name.map(str::to_owned),
            element: 4,
            dims: Some(Vec::new()),
        };
        names.iter().copied().map(port).collect()
    }

    #[test]
    fn names_win_over_order_and_order_serves_the_rest() {
        let found = |names: &[Option<&str>]| indices(&["a", "b", "c"], &ports(names)).unwrap();
        assert_eq!(found(&[Some("a"), Some("b"), Some("c")]), [0, 1, 2]);
        assert_eq!(found(&[Some("c"), Some("a"), Some("b")]), [1, 2, 0]);
        assert_eq!(found(&[Some("other"), None, Some("c")]), [0, 1, 2]);
        assert_eq!(found(&[Some("b"), Some("b"), None]), [1, 0, 2]);
        assert!(indices(&["a"], &ports(&[])).unwrap_err().contains("(a)"));
    }
}
