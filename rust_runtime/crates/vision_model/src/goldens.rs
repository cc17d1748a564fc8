mod compare;
mod read;

use std::fmt;

use runner_core::NamedTensors;

pub use compare::{Difference, Tolerance};

use crate::{ModelError, ModelErrorKind};

/// Recorded inputs and what PyTorch made of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Goldens {
    /// What counts as equal.
    pub tolerance: Tolerance,
    /// At least one.
    pub cases: Vec<GoldenCase>,
}

/// Inputs and outputs of one run, at least one of each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GoldenCase {
    /// Name of the case.
    pub name: String,
    /// By name.
    pub inputs: NamedTensors,
    /// By name.
    pub outputs: NamedTensors,
}

/// One output of one case.
#[derive(Debug, Clone, PartialEq)]
pub struct GoldenRow {
    /// Name of the case.
    pub case: String,
    /// Name of the output.
    pub output: String,
    /// How far the answer is from PyTorch's.
    pub difference: Difference,
    /// Whether that is within the tolerance.
    pub passed: bool,
}

/// Every output of every case.
#[derive(Debug, Clone, PartialEq)]
pub struct GoldenReport {
    /// What counts as equal.
    pub tolerance: Tolerance,
    /// One row an output and case; never empty.
    pub rows: Vec<GoldenRow>,
}

impl Goldens {
    /// Reads a golden file's content.
    ///
    /// # Errors
    /// [`ModelErrorKind::Goldens`] for any file that could prove nothing.
    pub fn read(file: &[u8]) -> Result<Self, ModelError> {
        read::goldens(file).map_err(|reason| ModelError::new(ModelErrorKind::Goldens, reason))
    }

    /// Runs every case and compares; an output that did not come is no pass.
    ///
    /// # Errors
    /// Those of `run`.
    pub fn replay<E>(
        &self,
        mut run: impl FnMut(NamedTensors) -> Result<NamedTensors, E>,
    ) -> Result<GoldenReport, E> {
        let mut rows = Vec::new();
        for case in &self.cases {
            let made = run(case.inputs.clone())?;
            rows.extend(case.compare(&made, &self.tolerance));
        }
        Ok(GoldenReport { tolerance: self.tolerance, rows })
    }
}

impl GoldenCase {
    /// One row for each output that was recorded.
    pub fn compare(&self, made: &NamedTensors, tolerance: &Tolerance) -> Vec<GoldenRow> {
        let row = |(name, expected): &(String, runner_core::Tensor)| {
            let got = made.iter().find(|(own, _)| own == name);
            let difference =
                got.map_or(Difference::Missing, |(_, got)| Difference::of(got, expected));
            let passed = difference.is_within(tolerance);
            GoldenRow { case: self.name.clone(), output: name.clone(), difference, passed }
        };
        self.outputs.iter().map(row).collect()
    }
}

impl GoldenReport {
    /// Whether every output of every case is within the tolerance.
    pub fn passed(&self) -> bool {
        self.rows.iter().all(|row| row.passed)
    }
}

impl fmt::Display for GoldenReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tolerance { mae, cosine_similarity } = self.tolerance;
        write!(f, "tolerance: MAE {mae:.1e}, cosine similarity {cosine_similarity}")?;
        for GoldenRow { case, output, difference, passed } in &self.rows {
            let verdict = if *passed { "pass" } else { "FAIL" };
            write!(f, "\n{verdict} {case} {output}: {difference}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr1;
    use runner_core::Tensor;

    use super::*;

    fn goldens() -> Goldens {
        let tensor =
            |name: &str, value: f32| (name.to_owned(), Tensor::from(arr1(&[value]).into_dyn()));
        let case = |name: &str, value: f32| GoldenCase {
            name: name.into(),
            inputs: vec![tensor("x", value)],
            outputs: vec![tensor("y", value)],
        };
        let tolerance = Tolerance { mae: 1e-5, cosine_similarity: 0.999 };
        Goldens { tolerance, cases: vec![case("a", 1.0), case("b", 2.0)] }
    }

    #[allow(clippy::unnecessary_wraps, reason = "it stands for a model")]
    fn renamed(inputs: NamedTensors, name: &str) -> Result<NamedTensors, ModelError> {
        Ok(inputs.into_iter().map(|(_, tensor)| (name.to_owned(), tensor)).collect())
    }

    #[test]
    fn every_case_is_run_and_compared() {
        let report = goldens().replay(|inputs| renamed(inputs, "y")).unwrap();
        assert!(report.passed() && report.rows.len() == 2, "{report}");
    }

    #[test]
    fn one_wrong_answer_or_a_missing_one_fails_the_report() {
        let mut runs = 0;
        let report = goldens().replay(|inputs| {
            runs += 1;
            renamed(inputs, if runs == 2 { "z" } else { "y" })
        });
        let report = report.unwrap();
        assert!(report.rows[0].passed && !report.passed(), "{report}");
        assert!(report.to_string().contains("FAIL b y"), "{report}");
    }
}
