use std::collections::BTreeSet;

use js_sys::Array;
use vision_model::{Difference, GoldenReport, GoldenRow};
use wasm_bindgen::JsValue;

use super::object::object;

pub(super) fn written(report: &GoldenReport) -> JsValue {
    let cases: BTreeSet<&str> = report.rows.iter().map(|row| row.case.as_str()).collect();
    let errors = report.rows.iter().map(|row| match row.difference {
        Difference::Measured { max_error, .. } => max_error,
        _ => f64::INFINITY,
    });
    let tolerance = object(&[
        ("mae", report.tolerance.mae.into()),
        ("cosineSimilarity", report.tolerance.cosine_similarity.into()),
    ]);
    object(&[
        ("passed", report.passed().into()),
        ("cases", (cases.len() as u32).into()),
        ("maxError", errors.fold(0.0, f64::max).into()),
        ("tolerance", tolerance),
        ("rows", report.rows.iter().map(row).collect::<Array>().into()),
    ])
}

fn row(row: &GoldenRow) -> JsValue {
    object(&[
        ("case", row.case.as_str().into()),
        ("output", row.output.as_str().into()),
        ("passed", row.passed.into()),
        ("difference", row.difference.to_string().into()),
    ])
}
