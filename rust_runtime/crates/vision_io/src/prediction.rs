use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::Picture;

const SCHEMA_VERSION: u32 = 1;

/// What a model's outputs mean.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Prediction {
    /// A picture.
    Image(Picture),
    /// The best classes.
    Classification(Classification),
    /// The class of every pixel.
    Segmentation(Mask),
    /// Boxes in the picture.
    Detection(Detections),
}

/// A prediction as it is written to a file, with the version of its form.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    schema_version: u32,
    #[serde(flatten)]
    prediction: &'a Prediction,
}

impl Prediction {
    /// The prediction with the version of its form: pictures by their sides, masks by the pixels
    /// of each class, everything else whole.
    pub fn document(&self) -> Document<'_> {
        Document { schema_version: SCHEMA_VERSION, prediction: self }
    }
}

/// A class with its score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoredClass {
    /// Place in the network's output.
    pub class_id: usize,
    /// The contract's name for it.
    pub label: Option<String>,
    /// What the contract's activation makes of the output.
    pub score: f64,
}

/// The best classes, best first; of equal scores the lower class id comes first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Classification {
    /// At least one.
    pub classes: Vec<ScoredClass>,
}

/// A thing found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detection {
    /// Left, top, right, bottom in pixels of the picture.
    #[serde(rename = "box")]
    pub bounds: [f64; 4],
    /// That of the best class.
    pub score: f64,
    /// The best class.
    pub class_id: usize,
    /// The contract's name for it.
    pub label: Option<String>,
}

/// What was found in a picture, best first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detections {
    /// Of the picture.
    pub width: usize,
    /// Of the picture.
    pub height: usize,
    /// May be empty.
    pub detections: Vec<Detection>,
}

/// The class of every pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Of the picture.
    pub width: usize,
    /// Of the picture.
    pub height: usize,
    /// Rows from the top.
    pub ids: Vec<u16>,
    /// Stands where the network saw nothing, because `center-crop` cut it off: 255, or 65535
    /// above 255 classes.
    pub unseen: u16,
    /// The classes' names.
    pub labels: Option<Vec<String>>,
    /// Red, green, blue of each class.
    pub colors: Option<Vec<[u8; 3]>>,
}

impl Mask {
    /// How many pixels each class covers, for the classes that cover any.
    fn covered(&self) -> Vec<CoveredClass<'_>> {
        let mut pixels: BTreeMap<u16, usize> = BTreeMap::new();
        for id in self.ids.iter().filter(|id| **id != self.unseen) {
            *pixels.entry(*id).or_default() += 1;
        }
        let label = |class_id: u16| self.labels.as_ref()?.get(usize::from(class_id));
        pixels
            .into_iter()
            .map(|(class_id, pixels)| CoveredClass { class_id, label: label(class_id), pixels })
            .collect()
    }
}

#[derive(Serialize)]
struct CoveredClass<'a> {
    class_id: u16,
    label: Option<&'a String>,
    pixels: usize,
}

impl Serialize for Mask {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Mask", 3)?;
        fields.serialize_field("width", &self.width)?;
        fields.serialize_field("height", &self.height)?;
        fields.serialize_field("classes", &self.covered())?;
        fields.end()
    }
}

impl Serialize for Picture {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Picture", 2)?;
        fields.serialize_field("width", &self.width())?;
        fields.serialize_field("height", &self.height())?;
        fields.end()
    }
}
