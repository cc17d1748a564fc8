use actix_web::http::Method;

use super::pages::PAGES;

/// What a path is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Live,
    Ready,
    Server,
    Statistics,
    ModelMetadata,
    ModelReady,
    ModelConfig,
    ModelStatistics,
    Infer,
    Index,
    Load,
    Unload,
    Predict,
    Health,
    Models,
    Metrics,
    OpenApi,
    /// A file of our pages, by its place in [`PAGES`].
    Page(usize),
}

/// A path with its verb.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) verb: Method,
    pub(super) endpoint: Endpoint,
}

/// Every path but those of the pages. The first that fits is taken, and finding it costs the more the
/// more come before it.
const PATHS: [(&str, Method, Endpoint); 23] = [
    ("/predict", Method::POST, Endpoint::Predict),
    ("/v2/models/{model}/infer", Method::POST, Endpoint::Infer),
    ("/v2/models/{model}/versions/{version}/infer", Method::POST, Endpoint::Infer),
    ("/v2", Method::GET, Endpoint::Server),
    ("/v2/", Method::GET, Endpoint::Server),
    ("/v2/health/live", Method::GET, Endpoint::Live),
    ("/v2/health/ready", Method::GET, Endpoint::Ready),
    ("/v2/models/stats", Method::GET, Endpoint::Statistics),
    ("/v2/models/{model}", Method::GET, Endpoint::ModelMetadata),
    ("/v2/models/{model}/ready", Method::GET, Endpoint::ModelReady),
    ("/v2/models/{model}/config", Method::GET, Endpoint::ModelConfig),
    ("/v2/models/{model}/stats", Method::GET, Endpoint::ModelStatistics),
    ("/v2/models/{model}/versions/{version}", Method::GET, Endpoint::ModelMetadata),
    ("/v2/models/{model}/versions/{version}/ready", Method::GET, Endpoint::ModelReady),
    ("/v2/models/{model}/versions/{version}/config", Method::GET, Endpoint::ModelConfig),
    ("/v2/models/{model}/versions/{version}/stats", Method::GET, Endpoint::ModelStatistics),
    ("/v2/repository/index", Method::POST, Endpoint::Index),
    ("/v2/repository/models/{model}/load", Method::POST, Endpoint::Load),
    ("/v2/repository/models/{model}/unload", Method::POST, Endpoint::Unload),
    ("/health", Method::GET, Endpoint::Health),
    ("/models", Method::GET, Endpoint::Models),
    ("/metrics", Method::GET, Endpoint::Metrics),
    ("/openapi.json", Method::GET, Endpoint::OpenApi),
];

/// Parts of the protocol's extensions that this server has not; clients ask for them all the same.
const NOT_HERE: [&str; 4] =
    ["/v2/systemsharedmemory", "/v2/cudasharedmemory", "/v2/trace", "/v2/logging"];

/// Every path that is answered.
pub(super) fn routes() -> impl Iterator<Item = Route> {
    let page = |(index, page): (usize, &super::pages::Page)| Route {
        path: page.path,
        verb: Method::GET,
        endpoint: Endpoint::Page(index),
    };
    let paths = PATHS.into_iter().map(|(path, verb, endpoint)| Route { path, verb, endpoint });
    paths.chain(PAGES.iter().enumerate().map(page))
}

/// Whether a path belongs to an extension that this server has not.
pub(super) fn is_of_missing_part(path: &str) -> bool {
    let of = |prefix: &str| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let of_model = path.starts_with("/v2/models/") && path.ends_with("/trace/setting");
    NOT_HERE.iter().any(|prefix| of(prefix)) || of_model
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::http::pages::OPENAPI;

    #[test]
    fn the_description_has_every_path_and_no_other() {
        let document: Value = serde_json::from_slice(OPENAPI).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let described: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, verbs)| {
                let verbs = verbs.as_object().unwrap().keys();
                verbs.map(|verb| (path.clone(), verb.to_uppercase())).collect::<Vec<_>>()
            })
            .filter(|(_, verb)| verb != "PARAMETERS")
            .collect();
        let page = |route: &Route| matches!(route.endpoint, Endpoint::Page(_));
        let served: BTreeSet<(String, String)> = routes()
            .filter(|route| !page(route) && (route.path == "/v2" || !route.path.ends_with('/')))
            .map(|route| (route.path.to_owned(), route.verb.to_string()))
            .collect();
        assert_eq!(described, served);
    }

    #[test]
    fn paths_are_there_once() {
        let all: Vec<&str> = routes().map(|route| route.path).collect();
        let unique: BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(all.len(), unique.len());
    }

    #[test]
    fn parts_that_are_missing_are_known() {
        for path in [
            "/v2/systemsharedmemory/status",
            "/v2/cudasharedmemory/region/x/register",
            "/v2/trace/setting",
            "/v2/models/m/trace/setting",
            "/v2/logging",
        ] {
            assert!(is_of_missing_part(path), "{path}");
        }
        assert!(!is_of_missing_part("/v2/loggings") && !is_of_missing_part("/v2/models/m"));
    }
}
