//! The session as JavaScript sees it; the types are in `runtime/src/module_types.ts`.
#![allow(unreachable_pub, reason = "what JavaScript calls is to be public")]

mod error;
mod file;
mod goldens;
mod object;
#[cfg(feature = "threads")]
mod pool;
mod prediction;
mod tensors;

use js_sys::{Array, JSON, Uint8Array};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use self::{error::thrown, file::ModelFile, object::object};
use crate::{NAME, Session, Settings, THREADS, dtypes, version};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("../../runtime/src/module_types.ts");

/// A loaded model.
#[wasm_bindgen]
pub struct Model {
    session: Session,
}

#[wasm_bindgen]
impl Model {
    /// Loads an ONNX file.
    ///
    /// # Errors
    /// A `ModuleError`.
    pub fn load(
        bytes: &Uint8Array,
        #[wasm_bindgen(unchecked_optional_param_type = "ModuleOptions")] options: &JsValue,
    ) -> Result<Model, JsValue> {
        let mut file = ModelFile::new(bytes.length());
        file.push(bytes);
        Self::from_file(file, options)
    }

    /// Loads an ONNX file that came in parts, and takes it.
    ///
    /// # Errors
    /// A `ModuleError`.
    #[wasm_bindgen(js_name = fromFile)]
    pub fn from_file(
        file: ModelFile,
        #[wasm_bindgen(unchecked_optional_param_type = "ModuleOptions")] options: &JsValue,
    ) -> Result<Model, JsValue> {
        let settings = match JSON::stringify(options).ok().and_then(|json| json.as_string()) {
            Some(json) if json != "null" => Settings::read(&json).map_err(thrown)?,
            _ => Settings::default(),
        };
        Session::load(file.bytes, &settings).map(|session| Self { session }).map_err(thrown)
    }

    /// What was loaded.
    #[wasm_bindgen(getter, unchecked_return_type = "ModelInfo")]
    pub fn info(&self) -> JsValue {
        let info = self.session.info();
        object(&[
            ("model", info.model.as_str().into()),
            ("backend", info.backend.as_str().into()),
            ("backendVersion", info.backend_version.as_str().into()),
            ("inputs", parsed(&info.inputs)),
            ("outputs", parsed(&info.outputs)),
            ("threads", (info.threads as u32).into()),
        ])
    }

    /// How pictures go through the model; undefined where none can.
    #[wasm_bindgen(getter, unchecked_return_type = "Contract | undefined")]
    pub fn contract(&self) -> JsValue {
        self.session.contract().map_or(JsValue::UNDEFINED, parsed)
    }

    /// Runs the model on tensors.
    ///
    /// # Errors
    /// A `ModuleError`.
    #[wasm_bindgen(unchecked_return_type = "Tensor[]")]
    pub fn run(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Tensor[]")] inputs: &Array,
    ) -> Result<Array, JsValue> {
        let inputs = inputs.iter().map(tensors::read).collect::<Result<_, _>>().map_err(thrown)?;
        Ok(tensors::written(&self.session.run(inputs).map_err(thrown)?))
    }

    /// Takes an encoded picture through the model: JPEG, PNG, WebP or BMP.
    ///
    /// # Errors
    /// A `ModuleError`.
    #[wasm_bindgen(unchecked_return_type = "Predicted")]
    pub fn predict(&self, picture: &[u8]) -> Result<JsValue, JsValue> {
        self.session
            .predict(picture)
            .map(|predicted| prediction::written(&predicted))
            .map_err(thrown)
    }

    /// Takes pixels through the model, as an `ImageData` has them.
    ///
    /// # Errors
    /// A `ModuleError`.
    #[wasm_bindgen(js_name = predictPixels, unchecked_return_type = "Predicted")]
    pub fn predict_pixels(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Uint8ClampedArray | Uint8Array")] rgba: &[u8],
        width: usize,
        height: usize,
    ) -> Result<JsValue, JsValue> {
        let predicted = self.session.predict_pixels(rgba, width, height);
        predicted.map(|predicted| prediction::written(&predicted)).map_err(thrown)
    }

    /// Replays the goldens that `convert` wrote beside the model.
    ///
    /// # Errors
    /// A `ModuleError`.
    #[wasm_bindgen(js_name = checkGoldens, unchecked_return_type = "GoldenReport")]
    pub fn check_goldens(&self, goldens: &[u8]) -> Result<JsValue, JsValue> {
        self.session.check_goldens(goldens).map(|report| goldens::written(&report)).map_err(thrown)
    }
}

/// The engine of this module.
#[wasm_bindgen(js_name = version, unchecked_return_type = "EngineVersion")]
pub fn engine_version() -> JsValue {
    object(&[
        ("name", NAME.into()),
        ("version", version().into()),
        ("threads", THREADS.into()),
        ("dtypes", parsed(&dtypes())),
    ])
}

/// SHA-256 of bytes, in hexadecimal, where the host has none: it would be much faster.
#[wasm_bindgen]
pub fn sha256(bytes: &[u8]) -> String {
    vision_model::hex_sha256(bytes)
}

#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| error::throw_panic(&panic.to_string())));
}

/// A small document as JavaScript's objects.
fn parsed(document: &impl serde::Serialize) -> JsValue {
    let json = serde_json::to_string(document).unwrap_or_default();
    JSON::parse(&json).unwrap_or(JsValue::NULL)
}
