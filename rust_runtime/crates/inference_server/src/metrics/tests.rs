use super::*;
use crate::testing::one_to_one;

#[test]
fn everything_is_told_by_served_model() {
    let metrics = Metrics::new();
    let model = metrics.of_model("m", "1");
    metrics.answered(Some(("m", "1")), 200);
    metrics.answered(None, 404);
    metrics.loaded("m", "1", false);
    metrics.lasted(("m", "1"), Duration::from_millis(3));
    model.waiting.inc();
    model.batch_size.observe(3.0);
    model.took(Phase::Decode, Duration::from_millis(3));
    model.fault(EngineFault::Panic);
    let _mark = metrics.serving(("m", "1"), "00ff", &one_to_one(&["n"]));
    let text = metrics.text();
    for line in [
        r#"oxidizedvision_requests_total{model="m",version="1",code="200"} 1"#,
        r#"oxidizedvision_requests_total{model="",version="",code="404"} 1"#,
        r#"oxidizedvision_reloads_total{model="m",version="1",kind="failed"} 1"#,
        r#"oxidizedvision_queue_depth{model="m",version="1"} 1"#,
        r#"oxidizedvision_batch_size_bucket{le="4.0",model="m",version="1"} 1"#,
        r#"oxidizedvision_seconds_count{model="m",version="1",phase="decode"} 1"#,
        r#"oxidizedvision_seconds_count{model="m",version="1",phase="encode"} 0"#,
        r#"oxidizedvision_engine_faults_total{model="m",version="1",kind="panic"} 1"#,
        r#"oxidizedvision_request_seconds_count{model="m",version="1"} 1"#,
        r#"sha256="00ff""#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
}

#[test]
fn a_file_is_told_as_long_as_any_version_of_it_is_served() {
    let metrics = Metrics::new();
    let told = |metrics: &Metrics| metrics.text().contains("00ff");
    let info = one_to_one(&["n"]);
    let first = metrics.serving(("m", "1"), "00ff", &info);
    let second = metrics.serving(("m", "1"), "00ff", &info);
    drop(first);
    assert!(told(&metrics));
    drop(second);
    assert!(!told(&metrics));
}

#[test]
fn a_label_cannot_break_out_of_its_line() {
    let metrics = Metrics::new();
    metrics.answered(Some(("a\"} 1\nevil", "1")), 200);
    assert!(!metrics.text().lines().any(|line| line.starts_with("evil")));
}
