use std::net::IpAddr;

use actix_web::{HttpRequest, http::header};

use crate::{ErrorKind, ServerError};

/// Header fields that only a proxy sets: what comes by one is not local, wherever the proxy is.
const OF_PROXIES: [&str; 6] =
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

/// By this a browser says that a page of another origin asks.
const FETCH_SITE: &str = "sec-fetch-site";

/// Who may load and unload models.
#[derive(Clone)]
pub(super) enum Gate {
    /// Nobody.
    Closed,
    /// Who connects from this machine, but no web page of another origin.
    Loopback,
    /// Who has the token.
    Token(String),
}

impl Gate {
    /// # Errors
    /// [`ErrorKind::Forbidden`] or [`ErrorKind::Unauthorized`].
    pub(super) fn check(&self, request: &HttpRequest) -> Result<(), ServerError> {
        match self {
            Self::Closed => Err(forbidden(
                "loading and unloading is off; set control.token, or control.loopback, in the \
                 server's settings",
            )),
            Self::Loopback if is_local(request) => Ok(()),
            Self::Loopback => Err(forbidden(
                "loading and unloading is for programs on the server's own machine only; set \
                 control.token in the server's settings to allow it from elsewhere",
            )),
            Self::Token(token) => check_token(request, token),
        }
    }
}

fn forbidden(message: &str) -> ServerError {
    ServerError::new(ErrorKind::Forbidden, message)
}

fn check_token(request: &HttpRequest, token: &str) -> Result<(), ServerError> {
    let unauthorized = |message: &str| ServerError::new(ErrorKind::Unauthorized, message);
    let given = request.headers().get(header::AUTHORIZATION).ok_or_else(|| {
        unauthorized("loading and unloading wants the token: send Authorization: Bearer TOKEN")
    })?;
    let bearer = given.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    match bearer {
        Some(given) if same(given.as_bytes(), token.as_bytes()) => Ok(()),
        _ => Err(unauthorized("the token is not the right one")),
    }
}

/// Compares in a time that tells nothing of where two texts differ.
fn same(given: &[u8], expected: &[u8]) -> bool {
    let differences = given.iter().zip(expected).fold(0, |all, (a, b)| all | (a ^ b));
    given.len() == expected.len() && differences == 0
}

/// Whether a request comes from this machine, by no proxy, and from no web page but our own: a
/// browser tells a page's origin, and a name that leads here by a trick is not ours.
fn is_local(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let peer = request.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    let direct = !OF_PROXIES.iter().any(|name| headers.contains_key(*name));
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST);
    let own_page = match headers.get(header::ORIGIN) {
        None => true,
        Some(origin) => origin.to_str().is_ok_and(|origin| {
            origin.split_once("://").map(|(_, host)| host) == host && host.is_some()
        }),
    };
    let foreign = headers
        .get(FETCH_SITE)
        .is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"));
    peer && direct && own_page && !foreign && host.is_none_or(names_this_machine)
}

fn names_this_machine(host: &str) -> bool {
    let bare = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = bare.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request(peer: &str, headers: &[(&'static str, &str)]) -> HttpRequest {
        let mut request = TestRequest::post().peer_addr(peer.parse().unwrap());
        for header in headers {
            request = request.insert_header(*header);
        }
        request.to_http_request()
    }

    fn kind(gate: &Gate, request: &HttpRequest) -> Option<ErrorKind> {
        gate.check(request).err().map(|error| error.kind())
    }

    #[test]
    fn a_closed_gate_says_how_to_open_it() {
        let error = Gate::Closed.check(&request("127.0.0.1:1", &[])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Forbidden);
        assert!(error.message().contains("control.token"), "{error}");
    }

    #[test]
    fn only_what_is_really_local_counts_as_loopback() {
        let passes = |peer: &str, headers: &[(&'static str, &str)]| {
            kind(&Gate::Loopback, &request(peer, headers)).is_none()
        };
        assert!(passes("127.0.0.1:5", &[("host", "localhost:8000")]));
        assert!(passes("[::1]:5", &[("host", "[::1]:8000")]));
        assert!(passes("[::ffff:127.0.0.1]:5", &[]));
        let own_page = [("host", "127.0.0.1:8000"), ("origin", "http://127.0.0.1:8000")];
        assert!(passes("127.0.0.1:5", &own_page));
        assert!(!passes("10.0.0.7:5", &[("host", "localhost:8000")]));
        assert!(!passes("127.0.0.1:5", &[("host", "evil.example:8000")]));
        for by_proxy in OF_PROXIES {
            assert!(!passes("127.0.0.1:5", &[(by_proxy, "1.1 x")]), "{by_proxy}");
        }
        for (site, own) in
            [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false)]
        {
            assert_eq!(passes("127.0.0.1:5", &[(FETCH_SITE, site)]), own, "{site}");
        }
        let foreign_page = [("host", "localhost:8000"), ("origin", "http://evil.example")];
        assert!(!passes("127.0.0.1:5", &foreign_page));
        assert!(!passes("127.0.0.1:5", &[("host", "localhost:8000"), ("origin", "null")]));
    }

    #[test]
    fn a_token_is_wanted_from_everybody() {
        let gate = Gate::Token("secret".to_owned());
        let with = |value: &str| request("127.0.0.1:5", &[("authorization", value)]);
        assert_eq!(kind(&gate, &with("Bearer secret")), None);
        assert_eq!(kind(&gate, &with("bearer  secret ")), None);
        for wrong in ["Bearer secre", "Bearer secrets", "Bearer ", "Basic secret", "secret"] {
            assert_eq!(kind(&gate, &with(wrong)), Some(ErrorKind::Unauthorized), "{wrong}");
        }
        assert_eq!(kind(&gate, &request("127.0.0.1:5", &[])), Some(ErrorKind::Unauthorized));
    }
}
