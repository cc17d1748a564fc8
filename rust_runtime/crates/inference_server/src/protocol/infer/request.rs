use std::time::Duration;

use super::{
    data::Data,
    header::{Body, split},
    input::{self, Input, Payload, Value},
    outputs, raw,
};
use crate::{
    Limits, ServerError,
    protocol::{
        Content, Parsed, Result, Target, Terms, Words,
        check::Checker,
        json::{Reader, clip},
        terms::read_priority,
        wanted::check_forms,
    },
};

/// Reads the body of an `infer` request, decompressed, with the text of the header field
/// [`HEADER_LENGTH`](super::HEADER_LENGTH) where it came with one.
///
/// # Errors
/// [`ErrorKind::BadInput`](crate::ErrorKind::BadInput) for what is malformed or does not fit the
/// model, with the input's name where one is at fault; `TooLarge` for more than the limits allow,
/// before its memory is taken.
pub fn read<'a>(
    body: &'a [u8],
    header_length: Option<&str>,
    target: &Target<'_>,
    limits: &Limits,
) -> Result<Parsed<'a>> {
    match split(body, header_length)? {
        Body::Raw(bytes) => raw::read(Data::Slice(bytes), target, limits),
        Body::Document { json, binary } => document(json, Data::Slice(binary), target, limits),
    }
    .map_err(|error| error.with_model(target.name))
}

/// Reads a body whose JSON and binary data lie apart; without any JSON it is the bytes of the only
/// input. One tensor of four-byte elements takes over the memory of the binary data.
///
/// # Errors
/// As [`read`].
pub fn read_apart<'a>(
    json: &'a [u8],
    binary: &'a mut Words,
    target: &Target<'_>,
    limits: &Limits,
) -> Result<Parsed<'a>> {
    let binary = Data::Words(binary);
    let read = if json.is_empty() {
        raw::read(binary, target, limits)
    } else {
        document(json, binary, target, limits)
    };
    read.map_err(|error| error.with_model(target.name))
}

fn document<'a>(
    json: &'a [u8],
    binary: Data<'a>,
    target: &Target<'_>,
    limits: &Limits,
) -> Result<Parsed<'a>> {
    let mut reader = Reader::new(json, limits.request.json_depth)?;
    let mut checker = Checker::new(target, limits);
    let (mut inputs, mut terms) = (None, Terms::default());
    reader.object(|reader, key| {
        match key {
            "id" | "parameters" | "outputs" if reader.null() => {}
            "id" => terms.id = Some(reader.string()?.into_owned()),
            "parameters" => reader.object(|reader, key| parameter(reader, key, &mut terms))?,
            "inputs" => inputs = Some(read_inputs(reader, &mut checker)?),
            "outputs" => outputs::read(reader, target, limits.request.tensors, &mut terms)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    reader.end()?;
    let inputs = inputs.ok_or_else(|| ServerError::bad_input("the request has no inputs"))?;
    checker.finish()?;
    check_forms(&terms, target)?;
    Ok(Parsed { content: content(inputs, binary)?, terms })
}

fn read_inputs<'a>(reader: &mut Reader<'a>, checker: &mut Checker<'_>) -> Result<Vec<Input<'a>>> {
    let most = checker.limits.request.tensors;
    let mut inputs = Vec::new();
    reader.array(|reader| {
        if inputs.len() == most {
            return Err(ServerError::bad_input(format!("the request has more than {most} inputs")));
        }
        inputs.push(input::read(reader, checker)?);
        Ok(())
    })?;
    Ok(inputs)
}

/// Takes one of the request's own parameters; those that mean nothing here are skipped.
fn parameter(reader: &mut Reader<'_>, key: &str, terms: &mut Terms) -> Result<()> {
    match key {
        "binary_data_output" => terms.form.binary = reader.boolean()?,
        "priority" => terms.priority = read_priority(reader)?,
        "timeout" => {
            let microseconds = reader.count()?;
            terms.timeout = (microseconds > 0).then(|| Duration::from_micros(microseconds));
        }
        _ => reader.skip()?,
    }
    Ok(())
}

/// Takes what stands behind the JSON, all of it, in the order of the inputs.
fn content<'a>(inputs: Vec<Input<'a>>, mut binary: Data<'a>) -> Result<Content<'a>> {
    let mut tensors = Vec::with_capacity(inputs.len());
    let mut pictures = None;
    for Input { name, value } in inputs {
        let payload = match value {
            Value::Read(payload) => payload,
            Value::Binary(part) => {
                part.take(&mut binary).map_err(|error| error.with_input(&clip(&name)))?
            }
        };
        match payload {
            Payload::Tensor(tensor) => tensors.push((name, tensor)),
            Payload::Pictures(encoded) => pictures = Some(encoded),
        }
    }
    if binary.len() > 0 {
        let message = format!("{} bytes of binary data belong to no input", binary.len());
        return Err(ServerError::bad_input(message));
    }
    Ok(pictures.map_or(Content::Tensors(tensors), Content::Pictures))
}
