use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::{HttpRequest, http::header, web};
use bytes::Bytes;
use futures_core::Stream;

use super::{blocking, inflate};
use crate::{ErrorKind, Limits, ServerError, protocol::Words};

/// A body of a length that is told is given its memory at once, up to this.
const TAKEN_AT_ONCE: usize = 1 << 20;

/// What is longer than this is decompressed apart from the workers.
const INFLATED_AT_ONCE: usize = 1 << 10;

/// When a client that found no memory for its body may come again.
const RETRY: Duration = Duration::from_secs(1);

/// The bytes of all bodies that are held at one time.
#[derive(Debug, Clone)]
pub(super) struct Bodies {
    held: Arc<AtomicUsize>,
    most: usize,
}

/// A share of [`Bodies`], given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    bodies: Bodies,
    bytes: usize,
}

impl Bodies {
    pub(super) fn new(most: usize) -> Self {
        Self { held: Arc::default(), most }
    }

    pub(super) fn share(&self) -> Share {
        Share { bodies: self.clone(), bytes: 0 }
    }
}

impl Share {
    /// Takes so many bytes in all.
    pub(super) fn grow_to(&mut self, bytes: usize) -> Result<(), ServerError> {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        let most = self.bodies.most;
        let add = |held: usize| held.checked_add(more).filter(|held| *held <= most);
        let grown = self.bodies.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        if grown.is_err() {
            let message = "the server holds as many request bodies as it may";
            return Err(ServerError::new(ErrorKind::Unavailable, message).with_retry_after(RETRY));
        }
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.bodies.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A whole body, decompressed.
#[derive(Debug)]
pub(super) struct Body {
    /// All of it, or what comes before `behind`.
    pub(super) bytes: Bytes,
    /// What comes from where the body was to be cut; `None` where it was not, or ends before.
    pub(super) behind: Option<Words>,
    _share: Share,
}

impl Body {
    pub(super) fn len(&self) -> usize {
        self.bytes.len() + self.behind.as_ref().map_or(0, Words::len)
    }
}

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Deflate,
}

impl Packing {
    fn of(request: &HttpRequest) -> Result<Self, ServerError> {
        let unsupported = || {
            let message = "the body's Content-Encoding is not one of gzip, deflate and identity";
            ServerError::new(ErrorKind::UnsupportedMedia, message)
        };
        let mut values = request.headers().get_all(header::CONTENT_ENCODING);
        let (value, None) = (values.next(), values.next()) else { return Err(unsupported()) };
        let Some(value) = value else { return Ok(Self::Plain) };
        match value.to_str().map_err(|_| unsupported())?.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Plain),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "deflate" => Ok(Self::Deflate),
            _ => Err(unsupported()),
        }
    }
}

/// Reads a request's body within the limits: bytes before and after decompression, and the time
/// until its end. One that is not packed is cut behind so many bytes, where a number is told.
///
/// # Errors
/// [`ErrorKind::TooLarge`], before anything is read where the length is told; `SlowRequest`,
/// `UnsupportedMedia`, `Unavailable` and `BadInput`.
pub(super) async fn read(
    request: &HttpRequest,
    payload: &mut web::Payload,
    (limits, bodies): (&Limits, &Bodies),
    received: Instant,
    cut: Option<usize>,
) -> Result<Body, ServerError> {
    let packing = Packing::of(request)?;
    let most = limits.request.body;
    let told = told_length(request);
    if told.is_some_and(|length| length > most as u64) {
        return Err(too_large(most));
    }
    let mut share = bodies.share();
    let until = received + limits.connections.body_deadline;
    let cut = cut.filter(|_| packing == Packing::Plain);
    let reading = collect(payload, told, most, (cut, &mut share));
    let collected = match tokio::time::timeout_at(until.into(), reading).await {
        Ok(read) => read?,
        Err(_) => return Err(too_slow()),
    };
    let Collected { front, behind, .. } = collected;
    let behind = cut.filter(|cut| *cut == front.len()).map(|_| behind);
    let (bytes, share) = unpacked(front, packing, most, share).await?;
    Ok(Body { bytes: bytes.into(), behind, _share: share })
}

/// Reads what is left of a short body, so that its connection can be used again; tells whether the
/// body has come to its end.
pub(super) async fn discard(request: &HttpRequest, payload: &mut web::Payload) -> bool {
    let unread = told_length(request);
    let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    match unread {
        Some(0) => true,
        None if !chunked => true,
        Some(length) if length <= TAKEN_AT_ONCE as u64 / 16 => {
            let all = async { while let Some(Ok(_)) = next(payload).await {} };
            tokio::time::timeout(Duration::from_secs(1), all).await.is_ok()
        }
        _ => false,
    }
}

fn told_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

async fn next(payload: &mut web::Payload) -> Option<Result<Bytes, ServerError>> {
    let item = std::future::poll_fn(|context| Pin::new(&mut *payload).poll_next(context)).await?;
    Some(item.map_err(|error| {
        ServerError::bad_input("the body is cut short or badly framed")
            .with_detail(error.to_string())
    }))
}

/// A body as it comes in.
struct Collected {
    front: Vec<u8>,
    /// What comes behind so many bytes.
    cut: usize,
    behind: Words,
}

impl Collected {
    fn new(cut: Option<usize>) -> Self {
        let cut = cut.unwrap_or(usize::MAX);
        Self { front: Vec::new(), cut, behind: Words::default() }
    }

    fn len(&self) -> usize {
        self.front.len() + self.behind.len()
    }

    fn capacity(&self) -> usize {
        self.front.capacity() + self.behind.capacity()
    }

    /// Makes room for `length` bytes in all where more are told of.
    fn make_room(&mut self, length: usize, told: usize) {
        let front = length.min(self.cut);
        if front > self.front.capacity() {
            let room = room(self.front.capacity(), front, told.min(self.cut));
            self.front.reserve_exact(room - self.front.len());
        }
        let behind = length - front;
        if behind > self.behind.capacity() {
            let told = told.saturating_sub(self.cut);
            self.behind.reserve_exact(room(self.behind.capacity(), behind, told));
        }
    }

    fn push(&mut self, chunk: &[u8]) {
        let (front, behind) = chunk.split_at(chunk.len().min(self.cut - self.front.len()));
        self.front.extend_from_slice(front);
        self.behind.extend_from_slice(behind);
    }
}

async fn collect(
    payload: &mut web::Payload,
    told: Option<u64>,
    most: usize,
    (cut, share): (Option<usize>, &mut Share),
) -> Result<Collected, ServerError> {
    let told = told.map_or(0, |length| usize::try_from(length).unwrap_or(most));
    let mut collected = Collected::new(cut);
    collected.make_room(told.min(TAKEN_AT_ONCE), told);
    while let Some(chunk) = next(payload).await {
        let chunk = chunk?;
        let length = collected.len().saturating_add(chunk.len());
        if length > most {
            return Err(too_large(most));
        }
        collected.make_room(length, told.min(most));
        share.grow_to(collected.capacity())?;
        collected.push(&chunk);
    }
    Ok(collected)
}

/// The capacity for `length` bytes where there was less: twice as much as there was while more may
/// come, but for no more than are told of.
fn room(capacity: usize, length: usize, told: usize) -> usize {
    let doubled = capacity.saturating_mul(2);
    if told < length { doubled } else { doubled.min(told) }.max(length)
}

async fn unpacked(
    packed: Vec<u8>,
    packing: Packing,
    most: usize,
    share: Share,
) -> Result<(Vec<u8>, Share), ServerError> {
    match packing {
        Packing::Plain => Ok((packed, share)),
        _ if packed.len() <= INFLATED_AT_ONCE => inflate::inflate(&packed, packing, most, share),
        _ => blocking::run(move || inflate::inflate(&packed, packing, most, share)).await?,
    }
}

pub(super) fn too_large(most: usize) -> ServerError {
    let message = format!("the body is larger than {most} bytes");
    ServerError::new(ErrorKind::TooLarge, message)
}

fn too_slow() -> ServerError {
    ServerError::new(ErrorKind::SlowRequest, "the body of the request came too slowly")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_bounded_together_and_given_back() {
        let bodies = Bodies::new(100);
        let mut first = bodies.share();
        first.grow_to(60).unwrap();
        first.grow_to(40).unwrap();
        let mut second = bodies.share();
        assert_eq!(second.grow_to(41).unwrap_err().kind(), ErrorKind::Unavailable);
        second.grow_to(40).unwrap();
        drop(first);
        second.grow_to(100).unwrap();
        drop(second);
        assert_eq!(bodies.held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn room_grows_by_doubling_and_not_beyond_what_is_told() {
        let mut body = Collected::new(None);
        let mut growths = 0;
        for length in 1..=100_000 {
            growths += usize::from(length > body.front.capacity());
            body.make_room(length, 0);
            body.push(&[0]);
        }
        assert!(growths < 20, "{growths}");
        assert_eq!(room(100, 101, 150), 150);
    }

    #[test]
    fn a_body_is_cut_wherever_its_chunks_end() {
        let bytes: Vec<u8> = (0..50).collect();
        for cut in [0, 1, 7, 49, 50, 51, usize::MAX] {
            for size in 1..=bytes.len() {
                let mut body = Collected::new(Some(cut));
                for chunk in bytes.chunks(size) {
                    body.make_room(body.len() + chunk.len(), bytes.len());
                    body.push(chunk);
                }
                let (front, behind) = bytes.split_at(cut.min(bytes.len()));
                assert_eq!((&body.front[..], body.behind.as_slice()), (front, behind));
                assert!(body.capacity() < bytes.len() + 8, "{}", body.capacity());
            }
        }
    }
}
