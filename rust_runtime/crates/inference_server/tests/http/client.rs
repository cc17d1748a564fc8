//! HTTP as it goes over the wire, so that what no client library would send can be sent too.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let same = |(own, _): &&(String, String)| own.eq_ignore_ascii_case(name);
        self.headers.iter().find(same).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The status and the type of an error, which every answer but 200 tells in JSON.
    pub(crate) fn error(&self) -> (u16, String) {
        let body = self.json();
        assert!(body["error"].is_string(), "{self:?}");
        (self.status, body["error_type"].as_str().unwrap().to_owned())
    }

    pub(crate) fn is_error(&self, status: u16, kind: &str) {
        assert_eq!(self.error(), (status, kind.to_owned()), "{self:?}");
    }
}

/// A connection.
pub(crate) struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap())
    }

    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { stream, read: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends as far as the server takes it.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(crate) fn leave(self) {
        self.stream.shutdown(Shutdown::Both).unwrap();
    }

    /// Reads the next answer; `None` when the connection ends without one.
    pub(crate) fn reply(&mut self) -> Option<Reply> {
        self.reply_to("GET")
    }

    pub(crate) fn reply_to(&mut self, verb: &str) -> Option<Reply> {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.more() {
                return None;
            }
        };
        let head = String::from_utf8(self.read.drain(..end).collect()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        };
        let mut reply = Reply { status, headers: lines.filter_map(header).collect(), body: vec![] };
        let length: usize =
            reply.header("content-length").map_or(0, |length| length.parse().unwrap());
        if verb != "HEAD" {
            while self.read.len() < length {
                assert!(self.more(), "the answer is cut short: {reply:?}");
            }
            reply.body = self.read.drain(..length).collect();
        }
        Some(reply)
    }

    /// Bytes that have come and were not taken as an answer.
    pub(crate) fn received(&self) -> usize {
        self.read.len()
    }

    /// Whether the server has ended the connection.
    pub(crate) fn is_closed(&mut self) -> bool {
        !self.more()
    }

    fn more(&mut self) -> bool {
        let mut piece = [0; 16 << 10];
        match self.stream.read(&mut piece) {
            Ok(0) => false,
            Ok(count) => {
                self.read.extend_from_slice(&piece[..count]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn ask(
        &mut self,
        verb: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        self.send(&request(verb, path, headers, body));
        self.reply_to(verb).expect("an answer")
    }
}

/// A request as it goes over the wire; the length of a body is told.
pub(crate) fn request(verb: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{verb} {path} HTTP/1.1\r\nHost: localhost\r\n");
    let length = body.len().to_string();
    let told = (!body.is_empty() || verb == "POST").then_some(("Content-Length", &*length));
    for (name, value) in headers.iter().copied().chain(told) {
        text.extend([name, ": ", value, "\r\n"]);
    }
    [text.as_bytes(), b"\r\n", body].concat()
}
