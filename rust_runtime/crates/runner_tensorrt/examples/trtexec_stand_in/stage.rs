use std::{env, fs::OpenOptions, io::Write, path::Path};

use serde::Deserialize;

/// What is stood in for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stage {
    /// `8.6.1`, `10.3.0`, …
    pub(crate) version: String,
    /// `NVIDIA A10 (UUID: GPU-…)`, one for each GPU.
    pub(crate) gpus: Vec<String>,
    /// `silent`, `hang`, `hang_on_run`, `slow_build`, `lies`, or nothing.
    #[serde(default)]
    pub(crate) behaviour: String,
    /// Where each call leaves its arguments.
    #[serde(default)]
    log: Option<String>,
}

impl Stage {
    pub(crate) fn beside(program: &Path) -> Self {
        let file = program.with_file_name("stand-in.json");
        match std::fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).expect("stand-in.json is right"),
            Err(_) => Self::from_environment(),
        }
    }

    fn from_environment() -> Self {
        let gpus = env::var("OXV_STANDIN_GPUS").map_or(1, |text| text.parse().unwrap_or(1));
        let gpu = |index| format!("Stand-in GPU (UUID: GPU-00000000-stand-in-{index})");
        Self {
            version: env::var("OXV_STANDIN_TENSORRT").unwrap_or_else(|_| "10.3.0".to_owned()),
            gpus: (0..gpus).map(gpu).collect(),
            behaviour: String::new(),
            log: None,
        }
    }

    fn numbers(&self) -> [u32; 3] {
        let mut numbers = self.version.split('.').map(|part| part.parse().unwrap_or(0));
        std::array::from_fn(|_| numbers.next().unwrap_or(0))
    }

    pub(crate) fn major(&self) -> u32 {
        self.numbers()[0]
    }

    /// `NV_TENSORRT_VERSION` counts in other steps since 10, and releases since 10.13 say their
    /// build.
    pub(crate) fn title(&self) -> String {
        let [major, minor, patch] = self.numbers();
        let thousands = if major < 10 { 1000 } else { 10_000 };
        let build = if (major, minor) >= (10, 13) { " [b1]" } else { "" };
        let number = major * thousands + minor * 100 + patch;
        format!("TensorRT.trtexec [TensorRT v{number}]{build}")
    }

    /// The flags that the parser of this version takes.
    pub(crate) fn flags(&self) -> Vec<&'static str> {
        let text = match self.major() {
            8 => include_str!("flags/8.txt"),
            9 => include_str!("flags/9.txt"),
            10 => include_str!("flags/10.txt"),
            11 => include_str!("flags/11.txt"),
            other => panic!("the stand-in knows no TensorRT {other}"),
        };
        text.split_whitespace().collect()
    }

    pub(crate) fn log(&self, words: &[String]) {
        let Some(log) = &self.log else {
            return;
        };
        let file = OpenOptions::new().append(true).create(true).open(log);
        let line = format!("{}\n", words.join(" "));
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the log can be written");
    }
}
