use actix_web::http::header::{self, HeaderName, HeaderValue};

use super::reply::Reply;

/// A file that a browser is given.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) path: &'static str,
    kind: &'static str,
    content: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! page {
    ($path:literal, $kind:expr, $file:literal) => {
        Page { path: $path, kind: $kind, content: include_bytes!(concat!("../../assets/", $file)) }
    };
}

/// Everything that our pages are made of; nothing comes from elsewhere.
pub(super) static PAGES: [Page; 11] = [
    page!("/", HTML, "index.html"),
    page!("/status.css", CSS, "status.css"),
    page!("/status.js", SCRIPT, "status.js"),
    page!("/api.js", SCRIPT, "api.js"),
    page!("/answer.js", SCRIPT, "answer.js"),
    page!("/charts.js", SCRIPT, "charts.js"),
    page!("/models.js", SCRIPT, "models.js"),
    page!("/series.js", SCRIPT, "series.js"),
    page!("/docs", HTML, "docs.html"),
    page!("/docs.css", CSS, "docs.css"),
    page!("/docs.js", SCRIPT, "docs.js"),
];

/// The description of every other path.
pub(super) static OPENAPI: &[u8] = include_bytes!("../../assets/openapi.json");

/// A page may load what is ours and nothing else, and no other page may show it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: \
                      data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

pub(super) fn page(index: usize) -> Option<Reply> {
    let Page { kind, content, .. } = PAGES.get(index)?;
    let fixed = |value: &'static str| HeaderValue::from_static(value);
    Some(
        Reply::file(kind, content)
            .with(header::CACHE_CONTROL, fixed("no-cache"))
            .with(header::CONTENT_SECURITY_POLICY, fixed(POLICY))
            .with(header::REFERRER_POLICY, fixed("no-referrer"))
            .with(HeaderName::from_static("x-content-type-options"), fixed("nosniff")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_whole_without_anything_from_elsewhere() {
        for page in &PAGES {
            let text = std::str::from_utf8(page.content).unwrap();
            assert!(!text.is_empty(), "{}", page.path);
            for outside in ["src=\"http", "href=\"http", "@import", "url(http"] {
                assert!(!text.contains(outside), "{}: {outside}", page.path);
            }
        }
    }
}
