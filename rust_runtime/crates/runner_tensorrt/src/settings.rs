use std::{path::PathBuf, time::Duration};

use runner_core::{LoadError, LoadErrorKind, Precision, RunnerConfig};

use crate::{cache, shapes::ShapeList};

const DEFAULT_TIMEOUT_S: f64 = 1800.0;
const LONGEST_TIMEOUT_S: f64 = 604_800.0;

/// What the user asked for, beside the model.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Folder of built engines.
    pub(crate) cache: PathBuf,
    /// For one build, and for one run.
    pub(crate) timeout: Duration,
    /// Whether FP32 may be computed with the ten bits of TF32.
    pub(crate) tf32: bool,
    pub(crate) calibration: Option<PathBuf>,
    /// Least, best and most.
    pub(crate) shapes: Option<[ShapeList; 3]>,
    pub(crate) precision: Precision,
    pub(crate) optimize: bool,
}

impl Settings {
    pub(crate) fn read(config: &RunnerConfig) -> Result<Self, LoadError> {
        let mut options = config.read_options();
        let cache = options.get::<PathBuf>("cache_dir")?;
        let timeout = options.get::<f64>("timeout_s")?.unwrap_or(DEFAULT_TIMEOUT_S);
        let tf32 = options.get::<bool>("tf32")?.unwrap_or(false);
        let calibration = options.get::<PathBuf>("calibration_cache")?;
        let least = options.get::<String>("min_shapes")?;
        let best = options.get::<String>("opt_shapes")?;
        let most = options.get::<String>("max_shapes")?;
        options.finish()?;
        let refused = |message: String| {
            LoadError::new(LoadErrorKind::InvalidOption, &config.source.name(), message)
        };
        if !(timeout > 0.0 && timeout <= LONGEST_TIMEOUT_S) {
            return Err(refused(format!(
                "option timeout_s cannot be {timeout}: expected more than 0, at most \
                 {LONGEST_TIMEOUT_S}"
            )));
        }
        if calibration.is_some() && config.precision != Precision::Int8 {
            let message = format!("option calibration_cache is for int8, not {}", config.precision);
            return Err(refused(message));
        }
        Ok(Self {
            cache: cache::folder(cache).map_err(refused)?,
            timeout: Duration::from_secs_f64(timeout),
            tf32,
            calibration,
            shapes: shape_lists(least, best, most).map_err(refused)?,
            precision: config.precision,
            optimize: config.optimize,
        })
    }
}

fn shape_lists(
    least: Option<String>,
    best: Option<String>,
    most: Option<String>,
) -> Result<Option<[ShapeList; 3]>, String> {
    let read = |option: &str, text: String| {
        text.parse::<ShapeList>().map_err(|()| {
            format!("option {option} cannot be {text:?}: expected name:1x3x224x224,other:…")
        })
    };
    match (least, best, most) {
        (None, None, None) => Ok(None),
        (Some(least), Some(best), Some(most)) => Ok(Some([
            read("min_shapes", least)?,
            read("opt_shapes", best)?,
            read("max_shapes", most)?,
        ])),
        _ => Err("options min_shapes, opt_shapes and max_shapes belong together: give all".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &[(&str, &str)]) -> Result<Settings, String> {
        let mut config = RunnerConfig::from_path("m.onnx");
        config.options.insert("cache_dir".into(), "/somewhere".into());
        for (name, value) in options {
            config.options.insert((*name).into(), (*value).into());
        }
        Settings::read(&config).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_exact_single_precision_and_half_an_hour() {
        let settings = read(&[]).unwrap();
        assert!(!settings.tf32 && settings.shapes.is_none());
        assert_eq!(settings.timeout, Duration::from_mins(30));
        assert_eq!(settings.cache, PathBuf::from("/somewhere"));
    }

    #[test]
    fn senseless_options_are_refused_by_name() {
        let cases: [&[(&str, &str)]; 8] = [
            &[("timeout_s", "0")],
            &[("timeout_s", "-1")],
            &[("timeout_s", "NaN")],
            &[("timeout_s", "inf")],
            &[("tf32", "perhaps")],
            &[("calibration_cache", "c")],
            &[("min_shapes", "x:1")],
            &[("opt_shapes", "x"), ("min_shapes", "x:1"), ("max_shapes", "x:1")],
        ];
        for options in cases {
            let error = read(options).unwrap_err();
            assert!(error.contains(options[0].0), "{error}");
        }
    }
}
