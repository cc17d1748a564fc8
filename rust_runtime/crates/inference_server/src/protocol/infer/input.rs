use std::borrow::Cow;

use runner_core::Tensor;

use super::data::Data;
use crate::{
    ServerError,
    protocol::{
        Datatype, Result, base64_text,
        binary::byte_strings,
        check::{Admitted, Checker},
        data,
        json::{Kind, Reader, clip},
        shape,
    },
};

/// One input of a request whose name, type and shape fit the model.
#[derive(Debug)]
pub(super) struct Input<'a> {
    pub(super) name: String,
    pub(super) value: Value<'a>,
}

/// What came for an input, or what tells how much of the binary data does.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Read(Payload<'a>),
    Binary(Binary),
}

/// The data of an input.
#[derive(Debug)]
pub(super) enum Payload<'a> {
    Tensor(Tensor),
    Pictures(Vec<Cow<'a, [u8]>>),
}

/// An input whose data stands behind the JSON.
#[derive(Debug)]
pub(super) struct Binary {
    admitted: Admitted,
    shape: Vec<usize>,
    size: usize,
}

impl Binary {
    /// The data, taken off the front of `rest`.
    pub(super) fn take<'a>(self, rest: &mut Data<'a>) -> Result<Payload<'a>> {
        let (size, left) = (self.size, rest.len());
        let lacking = || {
            let message =
                format!("binary_data_size is {size}, but {left} bytes of binary data are left");
            ServerError::bad_input(message)
        };
        Ok(match self.admitted {
            Admitted::Tensor { dtype, .. } => {
                Payload::Tensor(rest.tensor(dtype, &self.shape, size).ok_or_else(lacking)??)
            }
            Admitted::Pictures(count) => {
                let pictures = byte_strings(rest.split_off(size).ok_or_else(lacking)?, count)?;
                Payload::Pictures(pictures.into_iter().map(Cow::Borrowed).collect())
            }
        })
    }
}

/// Takes one item of `inputs`.
pub(super) fn read<'a>(reader: &mut Reader<'a>, checker: &mut Checker<'_>) -> Result<Input<'a>> {
    let mut draft = Draft::default();
    let read = reader
        .object(|reader, key| draft.member(reader, key, checker))
        .and_then(|()| draft.value(checker));
    match (read, draft.name) {
        (Ok(value), Some(name)) => Ok(Input { name, value }),
        (Ok(_), None) => Err(ServerError::bad_input("an input has no name")),
        (Err(error), Some(name)) => Err(error.with_input(&clip(&name))),
        (Err(error), None) => Err(error),
    }
}

/// An input as far as it has been read; its members may come in any order.
#[derive(Default)]
struct Draft<'a> {
    name: Option<String>,
    datatype: Option<Datatype>,
    shape: Option<Vec<usize>>,
    size: Option<usize>,
    /// Where the data stands, when it came before what tells how to read it.
    data: Option<Reader<'a>>,
    payload: Option<Payload<'a>>,
}

impl<'a> Draft<'a> {
    fn member(
        &mut self,
        reader: &mut Reader<'a>,
        key: &str,
        checker: &mut Checker<'_>,
    ) -> Result<()> {
        match key {
            "name" => self.name = Some(reader.string()?.into_owned()),
            "datatype" => self.datatype = Some(datatype(reader)?),
            "shape" => self.shape = Some(shape::read(reader, checker.limits.request.rank)?),
            "parameters" if reader.null() => {}
            "parameters" => reader.object(|reader, key| self.parameter(reader, key))?,
            "data" if self.is_described() => {
                let (admitted, shape) = self.admit(checker)?;
                self.payload = Some(payload(reader, admitted, &shape)?);
            }
            "data" => {
                self.data = Some(reader.clone());
                reader.skip()?;
            }
            _ => reader.skip()?,
        }
        Ok(())
    }

    fn parameter(&mut self, reader: &mut Reader<'a>, key: &str) -> Result<()> {
        match key {
            "binary_data_size" => {
                let size = usize::try_from(reader.count()?);
                self.size = Some(size.map_err(|_| {
                    ServerError::bad_input("binary_data_size is longer than any body")
                })?);
                Ok(())
            }
            _ if key.starts_with("shared_memory") => Err(no_shared_memory()),
            _ => reader.skip(),
        }
    }

    fn is_described(&self) -> bool {
        self.name.is_some() && self.datatype.is_some() && self.shape.is_some()
    }

    /// Holds the input against the model; once only.
    fn admit(&mut self, checker: &mut Checker<'_>) -> Result<(Admitted, Vec<usize>)> {
        let lacks = |what| ServerError::bad_input(format!("an input has no {what}"));
        let name = self.name.as_deref().ok_or_else(|| lacks("name"))?;
        let datatype = self.datatype.ok_or_else(|| lacks("datatype"))?;
        let shape = self.shape.take().ok_or_else(|| lacks("shape"))?;
        Ok((checker.admit(name, datatype, &shape)?, shape))
    }

    /// What came for the input, once all of its members are read.
    fn value(&mut self, checker: &mut Checker<'_>) -> Result<Value<'a>> {
        match (self.payload.take(), self.data.take(), self.size) {
            (Some(payload), _, None) => Ok(Value::Read(payload)),
            (None, Some(mut reader), None) => {
                let (admitted, shape) = self.admit(checker)?;
                payload(&mut reader, admitted, &shape).map(Value::Read)
            }
            (None, None, Some(size)) => self.binary(checker, size),
            (None, None, None) => {
                let message = "the input has neither data nor binary_data_size";
                Err(ServerError::bad_input(message))
            }
            _ => Err(ServerError::bad_input("the input has both data and binary_data_size")),
        }
    }

    fn binary(&mut self, checker: &mut Checker<'_>, size: usize) -> Result<Value<'a>> {
        let (admitted, shape) = self.admit(checker)?;
        if let Admitted::Tensor { dtype, elements } = admitted {
            let expected = elements * dtype.size();
            if size != expected {
                return Err(ServerError::bad_input(format!(
                    "binary_data_size is {size}, but {} {shape:?} takes {expected} bytes",
                    Datatype::from(dtype)
                )));
            }
        }
        Ok(Value::Binary(Binary { admitted, shape, size }))
    }
}

pub(super) fn no_shared_memory() -> ServerError {
    let message = "this server has no shared memory; send the data in the request";
    ServerError::bad_input(message)
}

fn datatype(reader: &mut Reader<'_>) -> Result<Datatype> {
    let name = reader.string()?;
    Datatype::from_name(&name).ok_or_else(|| {
        let known: Vec<&str> = Datatype::ALL.iter().map(|datatype| datatype.name()).collect();
        let message = format!("unknown datatype {:?}; there are {}", clip(&name), known.join(", "));
        ServerError::bad_input(message)
    })
}

fn payload<'a>(
    reader: &mut Reader<'a>,
    admitted: Admitted,
    shape: &[usize],
) -> Result<Payload<'a>> {
    match admitted {
        Admitted::Tensor { dtype, .. } => data::read(reader, dtype, shape).map(Payload::Tensor),
        Admitted::Pictures(count) => {
            let mut pictures = Vec::new();
            decode_pictures(reader, count, &mut pictures)?;
            if pictures.len() == count {
                return Ok(Payload::Pictures(pictures));
            }
            let message = format!("expected {count} pictures, got {}", pictures.len());
            Err(ServerError::bad_input(message))
        }
    }
}

/// Takes pictures in base64, in arrays nested in any way.
fn decode_pictures(
    reader: &mut Reader<'_>,
    count: usize,
    pictures: &mut Vec<Cow<'_, [u8]>>,
) -> Result<()> {
    if reader.kind() == Kind::Array {
        return reader.array(|reader| decode_pictures(reader, count, pictures));
    }
    if pictures.len() == count {
        return Err(ServerError::bad_input(format!("expected {count} pictures, got more")));
    }
    pictures.push(Cow::Owned(base64_text::decode(&reader.string()?)?));
    Ok(())
}
