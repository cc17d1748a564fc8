use std::time::Duration;

use super::{
    form::{Form, Source},
    item::Item,
};
use crate::{
    ErrorKind, Limits, ServerError,
    protocol::{
        Result, Terms, base64_text,
        json::{Kind, Reader, clip},
        shape,
        terms::read_priority,
    },
};

const MEMBERS: &str =
    "model, input, shape, inputs, image, instances, outputs, id, priority, timeout_ms";

/// Reads the JSON of a `/predict` body but for the values of its tensors, for which the model must
/// be known.
///
/// # Errors
/// [`ErrorKind::BadInput`] for what is malformed, unknown or not exactly one of `input`, `inputs`,
/// `image` and `instances`; [`ErrorKind::TooLarge`] for more pictures than the limit.
pub fn scan<'a>(body: &'a [u8], limits: &Limits) -> Result<Form<'a>> {
    let mut reader = Reader::new(body, limits.request.json_depth)?;
    let mut draft = Draft::default();
    reader.object(|reader, key| draft.member(reader, key, limits))?;
    reader.end()?;
    draft.form()
}

/// A body as far as it has been read.
#[derive(Default)]
struct Draft<'a> {
    model: Option<String>,
    sources: Vec<Source<'a>>,
    shape: Option<Vec<usize>>,
    terms: Terms,
}

impl<'a> Draft<'a> {
    fn member(&mut self, reader: &mut Reader<'a>, key: &str, limits: &Limits) -> Result<()> {
        let request = &limits.request;
        match key {
            "model" => self.model = Some(reader.string()?.into_owned()),
            "input" => self.sources.push(Source::Input(Item::bare(reader, request.rank)?)),
            "shape" => self.shape = Some(shape::read(reader, request.rank)?),
            "inputs" => self.sources.push(Source::Inputs(inputs(reader, limits)?)),
            "image" => self.sources.push(Source::Image(picture(reader)?)),
            "instances" => self.sources.push(Source::Instances(instances(reader, limits)?)),
            "outputs" => self.terms.outputs = names(reader, request.tensors)?,
            "id" => self.terms.id = Some(reader.string()?.into_owned()),
            "priority" => self.terms.priority = read_priority(reader)?,
            "timeout_ms" => {
                let wait = reader.count()?;
                self.terms.timeout = (wait > 0).then(|| Duration::from_millis(wait));
            }
            _ => {
                let message = format!("unknown member {:?}; there are {MEMBERS}", clip(key));
                return Err(ServerError::bad_input(message));
            }
        }
        Ok(())
    }

    fn form(self) -> Result<Form<'a>> {
        let Self { model, mut sources, shape, terms } = self;
        let (Some(mut source), true) = (sources.pop(), sources.is_empty()) else {
            let message = "expected exactly one of input, inputs, image and instances";
            return Err(ServerError::bad_input(message));
        };
        match (&mut source, shape) {
            (Source::Input(item), shape) => item.shape = shape,
            (_, None) => {}
            (_, Some(_)) => {
                return Err(ServerError::bad_input("\"shape\" goes with \"input\" only"));
            }
        }
        Ok(Form { model, source, terms })
    }
}

/// Takes `{name: values}` or `{name: {"data": values, "shape": […]}}`.
fn inputs<'a>(reader: &mut Reader<'a>, limits: &Limits) -> Result<Vec<(String, Item<'a>)>> {
    let (most, most_axes) = (limits.request.tensors, limits.request.rank);
    let mut inputs = Vec::new();
    reader.object(|reader, name| {
        if inputs.len() == most {
            return Err(ServerError::bad_input(format!("the request has more than {most} inputs")));
        }
        let item = match reader.kind() {
            Kind::Object => Item::described(reader, most_axes),
            _ => Item::bare(reader, most_axes),
        };
        inputs.push((name.to_owned(), item.map_err(|error| error.with_input(&clip(name)))?));
        Ok(())
    })?;
    Ok(inputs)
}

fn picture(reader: &mut Reader<'_>) -> Result<Vec<u8>> {
    base64_text::decode(&reader.string()?)
}

/// Takes `[{"b64": "…"}, …]`.
fn instances(reader: &mut Reader<'_>, limits: &Limits) -> Result<Vec<Vec<u8>>> {
    let most = limits.pictures.count;
    let mut pictures = Vec::new();
    reader.array(|reader| {
        if pictures.len() == most {
            let message = format!("there are more than {most} pictures in the request");
            return Err(ServerError::new(ErrorKind::TooLarge, message));
        }
        pictures.push(instance(reader)?);
        Ok(())
    })?;
    Ok(pictures)
}

fn instance(reader: &mut Reader<'_>) -> Result<Vec<u8>> {
    let mut encoded = None;
    reader.object(|reader, key| {
        if key != "b64" {
            let message = format!("unknown member {:?}; there is b64", clip(key));
            return Err(ServerError::bad_input(message));
        }
        encoded = Some(picture(reader)?);
        Ok(())
    })?;
    encoded.ok_or_else(|| ServerError::bad_input("an instance has no b64"))
}

/// Takes names of outputs; none at all means all.
fn names(reader: &mut Reader<'_>, most: usize) -> Result<Option<Vec<String>>> {
    let mut names = Vec::new();
    reader.array(|reader| {
        if names.len() == most {
            let message = format!("more than {most} outputs are asked for");
            return Err(ServerError::bad_input(message));
        }
        names.push(reader.string()?.into_owned());
        Ok(())
    })?;
    Ok(Some(names).filter(|names| !names.is_empty()))
}
