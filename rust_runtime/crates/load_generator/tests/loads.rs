//! Loads on a small server in this process: what is counted, and what a stall costs.

mod server;

use std::{fs, time::Duration};

use load_generator::{Arrivals, ErrorKind, Load, Pace, Plan, Report, run};
use server::{Behaviour, TestServer};
use tempfile::TempDir;

const SECOND: Duration = Duration::from_secs(1);

fn plan(text: &str) -> Plan {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("body"), vec![7; 70_000]).unwrap();
    let path = folder.path().join("plan.json");
    fs::write(&path, text).unwrap();
    Plan::read(&path).unwrap()
}

fn one_request() -> Plan {
    plan(r#"{"requests": [{"path": "/", "body": "body"}]}"#)
}

fn load(server: &TestServer, pace: Pace) -> Load {
    Load {
        port: server.port(),
        pace,
        warmup: Duration::ZERO,
        duration: SECOND,
        window: SECOND / 4,
        timeout: 20 * SECOND,
        deadline: None,
    }
}

fn open(rate: f64) -> Pace {
    Pace::Open { rate, arrivals: Arrivals::Fixed, most_connections: 100 }
}

fn loaded(behaviour: Behaviour, pace: Pace) -> (Report, TestServer) {
    let server = TestServer::start(behaviour);
    let report = run(load(&server, pace), one_request()).unwrap();
    (report, server)
}

#[test]
fn a_closed_loop_counts_what_the_server_counts() {
    let (report, server) = loaded(Behaviour::default(), Pace::Closed { connections: 4 });
    assert!(report.sent > 0);
    assert_eq!(report.sent, server.requests());
    assert_eq!(report.admitted, report.sent);
    assert_eq!(report.by_status[&200], report.sent);
    assert_eq!(report.admitted_ms.unwrap().count, report.sent);
    assert_eq!(server.bytes(), 70_000 * report.sent);
    assert_eq!((report.refused, report.wrong, report.unanswered), (0, 0, 0));
    assert_eq!(report.errors.total(), 0);
    assert_eq!(server.connections(), 4);
    assert_eq!(report.windows_per_s.len(), 4);
    assert!(report.windows_per_s.iter().any(|&rate| rate > 0.0), "{report:?}");
}

#[test]
fn what_is_sent_while_warming_up_does_not_count() {
    let server = TestServer::start(Behaviour::default());
    let warm = Load { warmup: SECOND / 2, ..load(&server, open(40.0)) };
    let report = run(warm, one_request()).unwrap();
    assert_eq!(report.sent, 40);
    assert_eq!(server.requests(), 60);
}

#[test]
fn an_open_loop_keeps_its_rate_and_charges_a_stall_to_every_request_that_it_delays() {
    let stall = Duration::from_millis(600);
    let behaviour = Behaviour { stall: Some((20, stall)), ..Behaviour::default() };
    let (report, server) = loaded(behaviour, open(100.0));
    assert_eq!((report.sent, server.requests()), (100, 100));
    // Sixty were due while it stalled; half of them waited longer than half of the stall. Their
    // share of the hundred is at least a quarter, so it shows in the upper quarter.
    let latency = report.admitted_ms.unwrap();
    assert!(latency.p90 >= 300.0, "{latency:?}");
    assert!(latency.max >= 600.0, "{latency:?}");

    let (closed, _) = loaded(behaviour, Pace::Closed { connections: 1 });
    assert!(closed.admitted_ms.unwrap().p90 < 300.0, "a closed loop sees the stall once");
}

#[test]
fn what_waits_for_a_connection_is_charged_too() {
    let server = TestServer::start(Behaviour { work: SECOND / 20, ..Behaviour::default() });
    let pace = Pace::Open { rate: 40.0, arrivals: Arrivals::Fixed, most_connections: 1 };
    let report = run(load(&server, pace), one_request()).unwrap();
    assert_eq!(report.admitted, 40);
    assert_eq!(server.connections(), 1);
    assert!(report.waited_for_connection >= 30, "{report:?}");
    // Forty take two seconds and are due within one: the last waits a second.
    assert!(report.admitted_ms.unwrap().max >= 900.0, "{report:?}");
}

#[test]
fn a_connection_that_was_idle_for_seconds_is_not_used_again() {
    let server = TestServer::start(Behaviour::default());
    let often = run(load(&server, open(10.0)), one_request()).unwrap();
    assert_eq!((often.admitted, server.connections()), (10, 1));
    let seldom = Load { duration: 5 * SECOND, ..load(&server, open(0.25)) };
    let report = run(seldom, one_request()).unwrap();
    assert_eq!((report.admitted, report.errors.total()), (2, 0));
    assert_eq!(server.connections(), 3);
}

#[test]
fn refusals_are_told_apart_from_what_is_admitted() {
    let work = Duration::from_millis(30);
    let refuse = Behaviour { refuse_every: Some(4), work, ..Behaviour::default() };
    let (report, _) = loaded(refuse, open(20.0));
    assert_eq!((report.sent, report.admitted, report.refused), (20, 15, 5));
    assert_eq!(report.by_status[&429], 5);
    assert_eq!(report.refused_ms.unwrap().count, 5);
    assert!(report.admitted_ms.unwrap().p50 >= 30.0, "{report:?}");
    assert!(report.goodput_per_s <= 15.0);
}

#[test]
fn what_comes_after_the_deadline_is_admitted_and_no_goodput() {
    let server = TestServer::start(Behaviour { work: SECOND / 20, ..Behaviour::default() });
    let hurried = Load { deadline: Some(SECOND / 50), ..load(&server, open(10.0)) };
    let report = run(hurried, one_request()).unwrap();
    assert_eq!((report.admitted, report.late), (10, 10));
    assert!(report.goodput_per_s == 0.0, "{report:?}");
}

#[test]
fn other_answers_are_wrong_ones() {
    let server = TestServer::start(Behaviour::default());
    let asked = plan(
        r#"{"requests": [
            {"path": "/", "reply_contains": "done"},
            {"path": "/", "reply_contains": "something else"},
            {"path": "/absent"},
            {"path": "/absent", "expected_status": 404}
        ]}"#,
    );
    let report = run(load(&server, open(40.0)), asked).unwrap();
    assert_eq!((report.sent, report.admitted, report.wrong), (40, 20, 20));
    assert_eq!((report.by_status[&200], report.by_status[&404]), (20, 20));
}

#[test]
fn broken_connections_and_late_answers_are_errors_of_transport() {
    let breaks = Behaviour { close_every: Some(5), ..Behaviour::default() };
    let (report, _) = loaded(breaks, open(20.0));
    assert_eq!((report.admitted, report.errors.broken), (16, 4), "{report:?}");

    let server = TestServer::start(Behaviour { work: SECOND, ..Behaviour::default() });
    let impatient = Load { timeout: SECOND / 10, ..load(&server, open(5.0)) };
    let report = run(impatient, one_request()).unwrap();
    assert_eq!(report.admitted, 0);
    assert_eq!(report.errors.timeout + report.unanswered, 5, "{report:?}");
}

#[test]
fn nobody_on_the_port_is_an_error_and_no_report() {
    let server = TestServer::start(Behaviour::default());
    let absent = load(&server, open(5.0));
    drop(server);
    let error = run(absent, one_request()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("nobody listens on port"), "{error}");
}
