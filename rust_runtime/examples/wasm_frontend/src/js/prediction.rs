use js_sys::{Array, Uint8ClampedArray, Uint16Array};
use vision_io::{Detection, Mask, Picture, Prediction, ScoredClass};
use vision_model::Answer;
use wasm_bindgen::JsValue;

use super::{
    object::{object, optional},
    tensors,
};
use crate::{Predicted, Timing};

pub(super) fn written(predicted: &Predicted) -> JsValue {
    let Timing { decode, preprocess, run, postprocess } = predicted.timing;
    let timing = object(&[
        ("decodeMs", decode.into()),
        ("preprocessMs", preprocess.into()),
        ("runMs", run.into()),
        ("postprocessMs", postprocess.into()),
    ]);
    let prediction = match &predicted.answer {
        Answer::Tensors(outputs, _) => {
            object(&[("kind", "tensors".into()), ("tensors", tensors::written(outputs).into())])
        }
        Answer::Prediction(prediction) => of_kind(prediction),
    };
    object(&[
        ("prediction", prediction),
        ("timing", timing),
        ("width", length(predicted.width)),
        ("height", length(predicted.height)),
    ])
}

fn of_kind(prediction: &Prediction) -> JsValue {
    match prediction {
        Prediction::Classification(found) => object(&[
            ("kind", "classification".into()),
            ("classes", found.classes.iter().map(class).collect::<Array>().into()),
        ]),
        Prediction::Detection(found) => object(&[
            ("kind", "detection".into()),
            ("width", length(found.width)),
            ("height", length(found.height)),
            ("detections", found.detections.iter().map(detection).collect::<Array>().into()),
        ]),
        Prediction::Segmentation(mask) => segmentation(mask),
        Prediction::Image(picture) => object(&[
            ("kind", "image".into()),
            ("width", length(picture.width())),
            ("height", length(picture.height())),
            ("rgba", Uint8ClampedArray::from(&opaque(picture)[..]).into()),
        ]),
    }
}

fn class(class: &ScoredClass) -> JsValue {
    object(&[
        ("classId", length(class.class_id)),
        ("label", optional(class.label.as_deref())),
        ("score", class.score.into()),
    ])
}

fn detection(found: &Detection) -> JsValue {
    object(&[
        ("box", found.bounds.into_iter().map(JsValue::from_f64).collect::<Array>().into()),
        ("score", found.score.into()),
        ("classId", length(found.class_id)),
        ("label", optional(found.label.as_deref())),
    ])
}

fn segmentation(mask: &Mask) -> JsValue {
    let labels = mask.labels.as_ref().map(|labels| labels.iter().map(JsValue::from).collect());
    let color = |color: &[u8; 3]| color.iter().map(|&part| JsValue::from(part)).collect::<Array>();
    let colors = mask.colors.as_ref().map(|colors| colors.iter().map(color).collect());
    object(&[
        ("kind", "segmentation".into()),
        ("width", length(mask.width)),
        ("height", length(mask.height)),
        ("ids", Uint16Array::from(&mask.ids[..]).into()),
        ("unseen", mask.unseen.into()),
        ("labels", optional::<Array>(labels)),
        ("colors", optional::<Array>(colors)),
    ])
}

/// Red, green, blue and full opacity of every pixel.
fn opaque(picture: &Picture) -> Vec<u8> {
    let pixels = picture.pixels();
    let mut rgba = Vec::with_capacity(4 * picture.width() * picture.height());
    if picture.channels() == 1 {
        rgba.extend(pixels.iter().flat_map(|&gray| [gray, gray, gray, u8::MAX]));
    } else {
        let (colors, _) = pixels.as_chunks::<3>();
        rgba.extend(colors.iter().flat_map(|&[red, green, blue]| [red, green, blue, u8::MAX]));
    }
    rgba
}

fn length(length: usize) -> JsValue {
    (length as u32).into()
}
