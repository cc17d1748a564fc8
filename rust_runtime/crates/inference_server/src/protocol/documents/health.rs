use serde::Serialize;

/// `/v2/health/live`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Live {
    /// Whether the process answers.
    pub live: bool,
}

/// `/v2/health/ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ready {
    /// Whether the process answers.
    pub live: bool,
    /// Whether it would answer a request for any of its models.
    pub ready: bool,
}

/// `/v2/models/{model}/ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelReady<'a> {
    /// The name that the model is served by.
    pub name: &'a str,
    /// Whether it would answer a request.
    pub ready: bool,
}

/// `/health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health<'a> {
    /// `ok`, or why it is not.
    pub status: &'a str,
    /// The name that the model is served by.
    pub model: &'a str,
    /// The engine that runs it.
    pub backend: &'a str,
}

/// `/v2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerMetadata<'a> {
    /// The server's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The parts of the protocol beyond what every server has.
    pub extensions: &'a [&'a str],
}

impl Default for ServerMetadata<'static> {
    fn default() -> Self {
        Self {
            name: "oxidizedvision",
            version: env!("CARGO_PKG_VERSION"),
            extensions: &[
                "binary_tensor_data",
                "model_configuration",
                "model_repository",
                "model_repository(unload_dependents)",
                "statistics",
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::documents::write;

    #[test]
    fn clients_find_their_keys() {
        let ready = write(&Ready { live: true, ready: false }).unwrap();
        assert_eq!(ready, br#"{"live":true,"ready":false}"#);
        let server = write(&ServerMetadata::default()).unwrap();
        let server: serde_json::Value = serde_json::from_slice(&server).unwrap();
        let extensions = server["extensions"].as_array().unwrap();
        assert!(extensions.iter().any(|extension| extension == "binary_tensor_data"));
        assert!(server["name"].is_string() && server["version"].is_string());
    }
}
