use std::borrow::Cow;

use super::item::Item;
use crate::{
    ErrorKind, Limits, ServerError,
    protocol::{
        Content, Parsed, Result, Target, Terms,
        check::Checker,
        json::clip,
        wanted::{check_forms, check_name},
    },
};

/// A body of `/predict` whose JSON is sound; which model it is for may stand in it.
#[derive(Debug)]
pub struct Form<'a> {
    pub(super) model: Option<String>,
    pub(super) source: Source<'a>,
    pub(super) terms: Terms,
}

#[derive(Debug)]
pub(super) enum Source<'a> {
    /// The only input of the model.
    Input(Item<'a>),
    /// Inputs by name.
    Inputs(Vec<(String, Item<'a>)>),
    /// One picture.
    Image(Vec<u8>),
    /// Pictures.
    Instances(Vec<Vec<u8>>),
}

impl<'a> Form<'a> {
    /// The model that is named, where one is.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Whether the answer is a list, because the pictures came as one.
    pub fn wants_list(&self) -> bool {
        matches!(self.source, Source::Instances(_))
    }

    /// Reads the tensors, which must fit the model.
    ///
    /// # Errors
    /// As [`infer::read`](crate::protocol::infer::read).
    pub fn read(self, target: &Target<'_>, limits: &Limits) -> Result<Parsed<'a>> {
        let Self { source, terms, .. } = self;
        let content = content(source, target, limits)
            .and_then(|content| check_outputs(&content, &terms, target).map(|()| content))
            .map_err(|error| error.with_model(target.name))?;
        Ok(Parsed { content, terms })
    }
}

/// Refuses pictures where the model takes none, and more than the limit.
///
/// # Errors
/// [`ErrorKind::BadInput`] or [`ErrorKind::TooLarge`].
pub fn check_pictures(target: &Target<'_>, count: usize, limits: &Limits) -> Result<()> {
    let most = limits.pictures.count;
    let (kind, message) = if target.pictures.is_none() {
        let form =
            if target.info.inputs.len() == 1 { "input\": …" } else { "inputs\": {name: …}" };
        let message = format!("the model takes tensors and no pictures; send {{\"{form}}}");
        (ErrorKind::BadInput, message)
    } else if count == 0 {
        (ErrorKind::BadInput, "there is no picture in the request".to_owned())
    } else if count > most {
        (ErrorKind::TooLarge, format!("{count} pictures are more than {most}"))
    } else {
        return Ok(());
    };
    Err(ServerError::new(kind, message).with_model(target.name))
}

fn content<'a>(source: Source<'a>, target: &Target<'_>, limits: &Limits) -> Result<Content<'a>> {
    match source {
        Source::Image(picture) => pictures(vec![picture], target, limits),
        Source::Instances(list) => pictures(list, target, limits),
        Source::Inputs(items) => tensors(items, target, limits),
        Source::Input(item) => {
            let [spec] = &target.info.inputs[..] else {
                let count = target.info.inputs.len();
                return Err(ServerError::bad_input(format!(
                    "the model has {count} inputs; send {{\"inputs\": {{name: …}}}}"
                )));
            };
            tensors(vec![(spec.name.clone(), item)], target, limits)
        }
    }
}

fn pictures<'a>(list: Vec<Vec<u8>>, target: &Target<'_>, limits: &Limits) -> Result<Content<'a>> {
    check_pictures(target, list.len(), limits)?;
    Ok(Content::Pictures(list.into_iter().map(Cow::Owned).collect()))
}

fn tensors<'a>(
    items: Vec<(String, Item<'_>)>,
    target: &Target<'_>,
    limits: &Limits,
) -> Result<Content<'a>> {
    let mut checker = Checker::new(target, limits);
    let mut tensors = Vec::with_capacity(items.len());
    for (name, item) in items {
        let tensor =
            item.read(&name, &mut checker).map_err(|error| error.with_input(&clip(&name)))?;
        tensors.push((name, tensor));
    }
    checker.finish()?;
    Ok(Content::Tensors(tensors))
}

fn check_outputs(content: &Content<'_>, terms: &Terms, target: &Target<'_>) -> Result<()> {
    let names = terms.outputs.as_deref().unwrap_or_default();
    for (index, name) in names.iter().enumerate() {
        check_name(name, &names[..index], target)?;
    }
    match content {
        Content::Tensors(_) => check_forms(terms, target),
        Content::Pictures(_) => Ok(()),
    }
}
