//! As much of a client as the comparison needs, so that packages need no other.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use runner_core::{NamedTensors, Tensor};
use serde_json::{Value, json};
use vision_model::GoldenCase;

use super::Reason;
use crate::protocol::{Datatype, infer::HEADER_LENGTH, tensor_data};

const PATIENCE: Duration = Duration::from_mins(5);

pub(super) struct Client {
    place: String,
}

impl Client {
    pub(super) fn new(address: &str) -> Result<Self, Reason> {
        let place = address.strip_prefix("http://");
        let place = place.ok_or_else(|| format!("{address} is no address of plain HTTP"))?;
        Ok(Self { place: place.to_owned() })
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, Reason> {
        let (_, body) = self.ask("GET", path, "", &[])?;
        serde_json::from_slice(&body).map_err(|error| format!("GET {path}: {error}"))
    }

    /// What the server makes of the inputs of a case; every tensor travels as binary data.
    pub(super) fn infer(&self, model: &str, case: &GoldenCase) -> Result<NamedTensors, Reason> {
        let mut binary = Vec::new();
        let inputs = case.inputs.iter().map(|(name, tensor)| {
            let start = binary.len();
            tensor_data(&mut binary, tensor);
            json!({
                "name": name, "datatype": Datatype::from(tensor.dtype()).name(),
                "shape": tensor.shape(),
                "parameters": {"binary_data_size": binary.len() - start},
            })
        });
        let inputs: Vec<Value> = inputs.collect();
        let head = json!({"inputs": inputs, "parameters": {"binary_data_output": true}});
        let head = head.to_string().into_bytes();
        let header = format!("{HEADER_LENGTH}: {}\r\n", head.len());
        let path = format!("/v2/models/{model}/infer");
        let (headers, body) = self.ask("POST", &path, &header, &[head, binary].concat())?;
        let length = header_of(&headers, HEADER_LENGTH).and_then(|text| text.parse().ok());
        let parts = body.split_at_checked(length.unwrap_or(body.len()));
        let (head, binary) = parts.ok_or("the answer is cut short")?;
        outputs(head, binary).ok_or_else(|| "the answer is not understood".to_owned())
    }

    /// The headers and the body of an answer of status 200.
    fn ask(
        &self,
        verb: &str,
        path: &str,
        header: &str,
        body: &[u8],
    ) -> Result<(String, Vec<u8>), Reason> {
        let told = |error: std::io::Error| format!("{verb} {path}: {error}");
        let mut stream = TcpStream::connect(&self.place).map_err(told)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(told)?;
        let head = format!(
            "{verb} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n{header}\r\n",
            self.place,
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).map_err(told)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(told)?;
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.ok_or_else(|| format!("{verb} {path}: no answer"))?;
        let body = answer.split_off(end + 4);
        let head = String::from_utf8_lossy(&answer).into_owned();
        if head.split(' ').nth(1) == Some("200") {
            return Ok((head, body));
        }
        let status = head.lines().next().unwrap_or_default();
        Err(format!("{verb} {path}: {status}: {}", String::from_utf8_lossy(&body)))
    }
}

fn header_of<'a>(headers: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = headers.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn outputs(head: &[u8], mut binary: &[u8]) -> Option<NamedTensors> {
    let head: Value = serde_json::from_slice(head).ok()?;
    let mut outputs = Vec::new();
    for output in head["outputs"].as_array()? {
        let dtype = Datatype::from_name(output["datatype"].as_str()?)?.dtype()?;
        let shape: Vec<usize> = serde_json::from_value(output["shape"].clone()).ok()?;
        let size = output["parameters"]["binary_data_size"].as_u64()?;
        let (data, rest) = binary.split_at_checked(usize::try_from(size).ok()?)?;
        binary = rest;
        let tensor = Tensor::from_le_bytes(dtype, &shape, data)?;
        outputs.push((output["name"].as_str()?.to_owned(), tensor));
    }
    Some(outputs)
}
