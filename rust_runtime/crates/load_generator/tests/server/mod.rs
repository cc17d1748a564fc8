//! A server of one worker that answers, refuses, stalls or breaks as it is told.

use std::{
    collections::HashSet,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    task::{Context, Poll},
    thread::{self, JoinHandle},
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    body::{BodySize, MessageBody},
    dev::ServerHandle,
    rt::{System, time::sleep},
    web::{self, Bytes, Data, PayloadConfig},
};

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Behaviour {
    /// How long each answer takes, beside others; a refusal takes no time.
    pub(crate) work: Duration,
    /// At which request, and for how long, nothing is answered at all.
    pub(crate) stall: Option<(u64, Duration)>,
    /// One of so many is refused.
    pub(crate) refuse_every: Option<u64>,
    /// One of so many gets half an answer.
    pub(crate) close_every: Option<u64>,
}

#[derive(Default)]
struct Seen {
    requests: AtomicU64,
    bytes: AtomicU64,
    clients: Mutex<HashSet<SocketAddr>>,
}

pub(crate) struct TestServer {
    port: u16,
    seen: Arc<Seen>,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl TestServer {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let seen = Arc::new(Seen::default());
        let (tell, told) = mpsc::channel();
        let shared = Arc::clone(&seen);
        let thread = thread::spawn(move || serve(behaviour, &shared, &tell));
        let (port, handle) = told.recv().unwrap();
        Self { port, seen, handle, thread: Some(thread) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn requests(&self) -> u64 {
        self.seen.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.seen.bytes.load(Ordering::SeqCst)
    }

    /// On how many connections requests came.
    pub(crate) fn connections(&self) -> usize {
        self.seen.clients.lock().unwrap().len()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // The server's own thread carries it out.
        drop(self.handle.stop(false));
        self.thread.take().unwrap().join().unwrap();
    }
}

fn serve(behaviour: Behaviour, seen: &Arc<Seen>, tell: &mpsc::Sender<(u16, ServerHandle)>) {
    let data = Data::from(Arc::clone(seen));
    System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new().app_data(data.clone()).app_data(PayloadConfig::new(1 << 20)).route(
                "/",
                web::post().to(move |request, body, seen| answer(behaviour, request, body, seen)),
            )
        })
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .unwrap();
        let port = server.addrs()[0].port();
        let running = server.run();
        tell.send((port, running.handle())).unwrap();
        running.await.unwrap();
    });
}

async fn answer(
    behaviour: Behaviour,
    request: HttpRequest,
    body: Bytes,
    seen: Data<Seen>,
) -> HttpResponse {
    let number = seen.requests.fetch_add(1, Ordering::SeqCst) + 1;
    seen.bytes.fetch_add(body.len() as u64, Ordering::SeqCst);
    seen.clients.lock().unwrap().extend(request.peer_addr());
    let is_turn = |every: Option<u64>| every.is_some_and(|every| number.is_multiple_of(every));
    if is_turn(behaviour.refuse_every) {
        return HttpResponse::TooManyRequests().finish();
    }
    if is_turn(behaviour.close_every) {
        return HttpResponse::Ok().body(HalfAnswer);
    }
    match behaviour.stall {
        Some((at, stall)) if at == number => thread::sleep(stall),
        _ => sleep(behaviour.work).await,
    }
    HttpResponse::Ok().body("done")
}

/// A body that promises more than it gives.
struct HalfAnswer;

impl MessageBody for HalfAnswer {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(1000)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(Some(Err(io::Error::other("broken on purpose"))))
    }
}
