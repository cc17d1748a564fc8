use std::collections::{BTreeSet, HashMap, HashSet};

/// A node as its graph sees it.
#[derive(Default)]
pub(super) struct Step {
    pub(super) name: String,
    /// Values it takes, those that its inner graphs capture included.
    pub(super) takes: Vec<String>,
    pub(super) makes: Vec<String>,
}

/// Checks that the steps of one graph can run one after the other, and gives the values that they
/// and the `outputs` take from outside the graph.
///
/// # Errors
/// The names of nodes that wait for each other.
pub(super) fn captures(
    steps: &[Step],
    given: &HashSet<String>,
    outputs: &[String],
) -> Result<BTreeSet<String>, String> {
    let made: HashSet<&String> = steps.iter().flat_map(|step| &step.makes).collect();
    let outside = |name: &&String| !given.contains(*name) && !made.contains(*name);
    let taken = steps.iter().flat_map(|step| &step.takes).chain(outputs);
    let captures = taken.filter(outside).cloned().collect();
    match waiting(steps, &made).as_slice() {
        [] => Ok(captures),
        names => Err(format!("nodes wait for each other: {}", names.join(", "))),
    }
}

/// The steps that never get all the values that other steps make for them.
fn waiting(steps: &[Step], made: &HashSet<&String>) -> Vec<String> {
    let mut takers: HashMap<&String, Vec<usize>> = HashMap::new();
    let mut missing = vec![0_usize; steps.len()];
    for (index, step) in steps.iter().enumerate() {
        for name in step.takes.iter().filter(|name| made.contains(name)) {
            takers.entry(name).or_default().push(index);
            missing[index] += 1;
        }
    }
    let mut ready: Vec<usize> = (0..steps.len()).filter(|&index| missing[index] == 0).collect();
    while let Some(index) = ready.pop() {
        for name in &steps[index].makes {
            for taker in takers.remove(name).unwrap_or_default() {
                missing[taker] -= 1;
                if missing[taker] == 0 {
                    ready.push(taker);
                }
            }
        }
    }
    let stuck = steps.iter().zip(missing).filter(|(_, missing)| *missing > 0);
    stuck.map(|(step, _)| step.name.clone()).take(5).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, takes: &[&str], makes: &[&str]) -> Step {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Step { name: name.into(), takes: owned(takes), makes: owned(makes) }
    }

    #[test]
    fn steps_may_stand_in_any_order_and_captures_are_told() {
        let steps = [step("b", &["v", "w"], &["y"]), step("a", &["x", "x"], &["v"])];
        let given = HashSet::from(["x".to_owned()]);
        let captures = captures(&steps, &given, &["y".into(), "z".into()]).unwrap();
        assert_eq!(captures, BTreeSet::from(["w".to_owned(), "z".to_owned()]));
    }

    #[test]
    fn a_cycle_is_told_by_its_nodes() {
        let steps = [step("one", &["b"], &["a"]), step("two", &["a"], &["b"])];
        let error = captures(&steps, &HashSet::new(), &[]).unwrap_err();
        assert!(error.contains("one") && error.contains("two"), "{error}");
    }
}
