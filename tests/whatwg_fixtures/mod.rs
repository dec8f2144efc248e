//! Servers for the tests of the WHATWG interface: what the handlers of the browsers' own tests do,
//! restated. `handlers` keep to the protocol, over this crate; `wire` are those that do not, and
//! write bytes.
//!
//! One server listens on a free port of 127.0.0.1 and chooses a handler by the request's path:
//! `/echo`, `/wrong_accept_key`. Each connection has a thread of its own, which ends with the
//! server. A handler that waits does so for a time or at a [`Gate`], and says on a channel that it
//! does, so that a test need not sleep.
//!
//! What lies below is any blocking stream: [`Server::over`] puts TLS there.
#![allow(
    dead_code,
    unused_imports,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "no test file uses all of this, and a server that panics is a failed test"
)]

mod handlers;
mod wire;

use std::{
    fmt, io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use sansock::{CloseStatus, adapter::blocking};

pub(crate) use self::{handlers::HANDLERS, wire::Head};

/// Who waits for a server in vain waits that long.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the handlers leave open.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What a handler waits for where its original sleeps.
    pub(crate) wait: Wait,
    /// Whether permessage-deflate is agreed to where it was offered; where messages shall be long
    /// on the wire it never is.
    pub(crate) deflate: bool,
    /// How many messages, of how many bytes, `send-backpressure` sends.
    pub(crate) burst: (usize, usize),
}

/// What a handler waits for.
#[derive(Clone, Debug)]
pub(crate) enum Wait {
    For(Duration),
    At(Gate),
}

/// Closed at first; once open it stays so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

/// How a connection ended.
#[derive(Debug)]
pub(crate) struct End {
    /// The path of its request.
    pub(crate) path: String,
    /// What the engine says of it, or why it has nothing to say.
    pub(crate) status: Result<CloseStatus, String>,
}

/// A running server; it and all its connections end when this is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    requests: Receiver<Head>,
    waiting: Receiver<String>,
    ends: Receiver<End>,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

/// What the threads of a server share.
struct Shared {
    settings: Settings,
    stopped: AtomicBool,
    stop: Gate,
    requests: Sender<Head>,
    waiting: Sender<String>,
    ends: Sender<End>,
    open: Mutex<Vec<(TcpStream, JoinHandle<()>)>>,
}

/// A connection whose request was read and not answered.
struct Exchange<S> {
    head: Head,
    stream: S,
    shared: Arc<Shared>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            wait: Wait::For(Duration::from_millis(50)),
            deflate: true,
            burst: (16, 1 << 20),
        }
    }
}

impl Gate {
    pub(crate) fn open(&self) {
        let (is_open, changed) = &*self.0;
        *is_open.lock().unwrap() = true;
        changed.notify_all();
    }

    /// Returns once it is open, or after that time.
    fn wait(&self, limit: Duration) {
        let (is_open, changed) = &*self.0;
        let is_open = is_open.lock().unwrap();
        let _ = changed
            .wait_timeout_while(is_open, limit, |is_open| !*is_open)
            .unwrap();
    }
}

impl Server {
    /// Over TCP, with the shortest waits.
    pub(crate) fn start() -> Self {
        Self::with(Settings::default())
    }

    /// Over TCP.
    pub(crate) fn with(settings: Settings) -> Self {
        Self::over(settings, Ok)
    }

    /// Whose handlers wait at this gate.
    pub(crate) fn gated() -> (Self, Gate) {
        let gate = Gate::default();
        let wait = Wait::At(gate.clone());
        let server = Self::with(Settings {
            wait,
            ..Settings::default()
        });
        (server, gate)
    }

    /// Over what `layer` makes of a TCP stream, such as TLS. It runs on the connection's thread.
    pub(crate) fn over<S>(
        settings: Settings,
        layer: impl Fn(TcpStream) -> io::Result<S> + Send + Sync + 'static,
    ) -> Self
    where
        S: blocking::Stream + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, requests_of) = mpsc::channel();
        let (waiting, waiting_of) = mpsc::channel();
        let (ends, ends_of) = mpsc::channel();
        let shared = Arc::new(Shared {
            settings,
            stopped: AtomicBool::new(false),
            stop: Gate::default(),
            requests,
            waiting,
            ends,
            open: Mutex::default(),
        });
        let of_listener = Arc::clone(&shared);
        let listener = thread::spawn(move || listen(&listener, &of_listener, &Arc::new(layer)));
        Self {
            address,
            scheme: "ws",
            requests: requests_of,
            waiting: waiting_of,
            ends: ends_of,
            shared,
            listener: Some(listener),
        }
    }

    /// With another scheme in its URLs than `ws`.
    pub(crate) const fn with_scheme(mut self, scheme: &'static str) -> Self {
        self.scheme = scheme;
        self
    }

    pub(crate) const fn scheme(&self) -> &'static str {
        self.scheme
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a handler, such as `echo`, and what follows its name.
    pub(crate) fn url(&self, target: &str) -> String {
        format!("{}://{}/{target}", self.scheme, self.address)
    }

    /// The next request that came.
    pub(crate) fn request(&self) -> Head {
        let request = self.requests.recv_timeout(PATIENCE);
        request.expect("a request should have come")
    }

    /// The next request, if one has come.
    pub(crate) fn try_request(&self) -> Option<Head> {
        self.requests.try_recv().ok()
    }

    /// Returns once a handler waits: the path of its request.
    pub(crate) fn waiting(&self) -> String {
        let path = self.waiting.recv_timeout(PATIENCE);
        path.expect("a handler should have waited")
    }

    /// The next connection that ended, by both sides.
    pub(crate) fn end(&self) -> End {
        let end = self.ends.recv_timeout(PATIENCE);
        end.expect("a connection should have ended")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.shared.stop.open();
        if let Wait::At(gate) = &self.shared.settings.wait {
            gate.open();
        }
        // The listener looks at the flag once this has come.
        drop(TcpStream::connect(self.address));
        let mut panicked = false;
        if let Some(listener) = self.listener.take() {
            panicked |= listener.join().is_err();
        }
        let open = std::mem::take(&mut *self.shared.open.lock().unwrap());
        for (stream, _) in &open {
            // It may be over.
            let _ = stream.shutdown(Shutdown::Both);
        }
        for (_, thread) in open {
            panicked |= thread.join().is_err();
        }
        assert!(!panicked || thread::panicking(), "a handler panicked");
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.address)
    }
}

fn listen<S: blocking::Stream + 'static>(
    listener: &TcpListener,
    shared: &Arc<Shared>,
    layer: &Arc<impl Fn(TcpStream) -> io::Result<S> + Send + Sync + 'static>,
) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let stream = stream.unwrap();
        stream.set_nodelay(true).unwrap();
        let handle = stream.try_clone().unwrap();
        let (shared_of, layer) = (Arc::clone(shared), Arc::clone(layer));
        let thread = thread::spawn(move || {
            // Who leaves before its request has come is none of our concern.
            if let Ok((head, stream)) = layer(stream).and_then(Head::read) {
                serve(head, stream, &shared_of);
            }
        });
        shared.open.lock().unwrap().push((handle, thread));
    }
}

fn serve<S: blocking::Stream>(head: Head, stream: S, shared: &Arc<Shared>) {
    // A test that looks at nothing of this may be over before its connections are.
    let _ = shared.requests.send(head.clone());
    let path = head.path().to_owned();
    let status = handlers::handle(Exchange {
        head,
        stream,
        shared: Arc::clone(shared),
    });
    let status = status.map_err(|error| error.to_string());
    let _ = shared.ends.send(End { path, status });
}

impl<S> Exchange<S> {
    fn wait(&self) {
        self.shared.wait(self.head.path());
    }
}

impl Shared {
    /// Waits as the settings say, for the handler of that path.
    fn wait(&self, path: &str) {
        let _ = self.waiting.send(path.to_owned());
        match &self.settings.wait {
            Wait::For(time) => self.stop.wait(*time),
            Wait::At(gate) => gate.wait(PATIENCE),
        }
    }
}
