use std::net::{Ipv4Addr, SocketAddr};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::spawn_local};

use crate::plan::PlannedRequest;

/// One connection to the server, kept open from request to request.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The expected status and text.
    Good(StatusCode),
    /// 429 or 503 where another status was expected.
    Refused(StatusCode),
    /// Any other status, or not the expected text.
    Wrong(StatusCode),
}

impl Answer {
    pub(crate) fn status(self) -> StatusCode {
        let (Self::Good(status) | Self::Refused(status) | Self::Wrong(status)) = self;
        status
    }
}

/// Why nothing came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransportError {
    /// No connection was made.
    Connect,
    /// The connection broke before the answer was complete.
    Broken,
    /// There was no whole answer in time.
    Timeout,
}

impl Connection {
    /// Connect to a port of this machine; must be called within a `LocalSet`.
    pub(crate) async fn open(port: u16) -> Result<Self, TransportError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect(address).await.map_err(|_| TransportError::Connect)?;
        stream.set_nodelay(true).map_err(|_| TransportError::Connect)?;
        let (sender, driver) =
            handshake(TokioIo::new(stream)).await.map_err(|_| TransportError::Connect)?;
        // Its errors come to the requests as well.
        spawn_local(driver);
        Ok(Self { sender })
    }

    /// Whether another request can be sent: the server may have closed the connection.
    pub(crate) async fn is_usable(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Send a request and read the whole answer.
    pub(crate) async fn send(
        &mut self,
        planned: &PlannedRequest,
    ) -> Result<Answer, TransportError> {
        let mut request = Request::new(Full::new(planned.body.clone()));
        *request.method_mut() = planned.method.clone();
        *request.uri_mut() = planned.path.clone();
        *request.headers_mut() = planned.headers.clone();
        let response =
            self.sender.send_request(request).await.map_err(|_| TransportError::Broken)?;
        judged(planned, response).await
    }
}

async fn judged(
    planned: &PlannedRequest,
    response: Response<Incoming>,
) -> Result<Answer, TransportError> {
    let status = response.status();
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| TransportError::Broken)?;
        if let (Some(_), Some(data)) = (&planned.reply_contains, frame.data_ref()) {
            text.extend_from_slice(data);
        }
    }
    let holds = planned.reply_contains.as_ref().is_none_or(|part| contains(&text, part));
    Ok(if status == planned.expected_status && holds {
        Answer::Good(status)
    } else if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        Answer::Refused(status)
    } else {
        Answer::Wrong(status)
    })
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}
