use actix_web::http::header::{HeaderMap, HeaderValue};

/// The header field by which a request carries its trace.
pub(super) const TRACEPARENT: &str = "traceparent";

/// The trace that a request belongs to, as W3C Trace Context writes it.
#[derive(Debug, Clone)]
pub(super) struct Trace {
    value: HeaderValue,
    id: String,
}

impl Trace {
    /// The trace of a request; `None` where there is none or it is malformed.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT);
        let (value, None) = (values.next()?, values.next()) else { return None };
        let id = trace_id(value.to_str().ok()?)?.to_owned();
        Some(Self { value: value.clone(), id })
    }

    /// 32 hexadecimal digits, for the log.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The field as it came.
    pub(super) fn value(&self) -> &HeaderValue {
        &self.value
    }
}

/// The id in `version-trace-parent-flags`.
fn trace_id(text: &str) -> Option<&str> {
    let mut parts = text.split('-');
    let [version, trace, parent, flags] = [(); 4].map(|()| parts.next());
    let hex = |part: Option<&str>, length: usize| {
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        part.is_some_and(|part| part.len() == length && part.bytes().all(lower))
    };
    let zero = |part: Option<&str>| part.is_some_and(|part| part.bytes().all(|byte| byte == b'0'));
    let shaped = hex(version, 2) && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    // Later versions may have more parts.
    let whole = version != Some("ff") && (version != Some("00") || parts.next().is_none());
    if shaped && whole && !zero(trace) && !zero(parent) { trace } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_taken_up_only_where_it_is_well_formed() {
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        assert_eq!(trace_id(&format!("00-{trace}-{parent}-01")), Some(trace));
        assert_eq!(trace_id(&format!("01-{trace}-{parent}-01-more")), Some(trace));
        let zeros = "0".repeat(32);
        for malformed in [
            String::new(),
            format!("00-{trace}-{parent}"),
            format!("00-{trace}-{parent}-01-more"),
            format!("ff-{trace}-{parent}-01"),
            format!("00-{zeros}-{parent}-01"),
            format!("00-{}-{parent}-01", trace.to_uppercase()),
        ] {
            assert_eq!(trace_id(&malformed), None, "{malformed}");
        }
    }
}
