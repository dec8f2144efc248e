//! Whoever waits at a stream is woken when there is something for it, and only then: tasks that
//! write, read, flush and close in any order, over a wire of memory.

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker},
};

use futures_util::SinkExt;
use sansock::{
    Message,
    adapter::{
        futures::{Futures, WebSocketStream},
        web::{Opened, Readable, Writable},
    },
    web::CloseInfo,
};

use crate::{
    by_hand::{Count, Hand, opened},
    random::Random,
};

/// Half of a stream, while no task has it.
type Half<T> = Rc<Cell<Option<T>>>;

/// A task of the program's.
struct Task {
    what: &'static str,
    future: Pin<Box<dyn Future<Output = ()>>>,
    woken: Arc<Count>,
}

impl Task {
    fn poll(&mut self) -> Poll<()> {
        let waker = Waker::from(Arc::clone(&self.woken));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

/// A program with a stream, and its peer.
struct Program {
    random: Random,
    stream: Rc<WebSocketStream>,
    readable: Half<Readable<Futures>>,
    writable: Half<Writable<Futures>>,
    tasks: Vec<Task>,
    hand: Hand,
    /// Whether its driver has come to its end.
    is_over: bool,
    /// Whether the peer did something that the system would wake for.
    has_changed: bool,
    has_peer_closed: bool,
}

impl Program {
    fn new(seed: u64) -> Self {
        let (stream, opened, hand) = opened(b"");
        let Opened {
            readable, writable, ..
        } = opened;
        Self {
            random: Random::new(seed),
            stream: Rc::new(stream),
            readable: Rc::new(Cell::new(Some(readable))),
            writable: Rc::new(Cell::new(Some(writable))),
            tasks: Vec::new(),
            hand,
            is_over: false,
            has_changed: false,
            has_peer_closed: false,
        }
    }

    fn act(&mut self) -> &'static str {
        match self.random.within(0..16) {
            0..4 => self.begin_writing(),
            4..7 => self.begin_reading(),
            7 => {
                let stream = Rc::clone(&self.stream);
                self.begin("closed", async move { drop(stream.closed().await) })
            }
            8..11 => self.receive(),
            11..14 => {
                let room = [0, 0, 10, 5_000, 100_000, usize::MAX];
                self.hand.wire.set_room(*self.random.pick(&room));
                self.has_changed = true;
                "the peer reads"
            }
            14 if self.random.once_in(6) => {
                self.stream.close(&CloseInfo::default()).unwrap();
                "close"
            }
            15 if self.random.once_in(20) => {
                self.hand.driver = Box::pin(std::future::pending());
                "the driver is dropped"
            }
            _ if !self.tasks.is_empty() && self.random.once_in(4) => {
                let at = self.random.within(0..self.tasks.len());
                drop(self.tasks.swap_remove(at));
                "a task is dropped"
            }
            _ => "nothing",
        }
    }

    fn begin_writing(&mut self) -> &'static str {
        let Some(mut writable) = self.writable.take() else {
            return "nothing";
        };
        let back = Rc::clone(&self.writable);
        let bytes = vec![3; *self.random.pick(&[0, 5, 70_000, 300_000])];
        match self.random.within(0..8) {
            0 => self.begin("close of the sink", async move {
                let _ = SinkExt::close(&mut writable).await;
                back.set(Some(writable));
            }),
            1..4 => self.begin("feed", async move {
                let _ = writable.feed(Message::from(bytes)).await;
                back.set(Some(writable));
            }),
            4 => self.begin("send", async move {
                let _ = writable.send(Message::from(bytes)).await;
                back.set(Some(writable));
            }),
            _ => self.begin("write", async move {
                let _ = writable.write(bytes).await;
                back.set(Some(writable));
            }),
        }
    }

    fn begin_reading(&mut self) -> &'static str {
        let Some(mut readable) = self.readable.take() else {
            return "nothing";
        };
        let back = Rc::clone(&self.readable);
        self.begin("read", async move {
            let _ = readable.read().await;
            back.set(Some(readable));
        })
    }

    fn begin(
        &mut self,
        what: &'static str,
        future: impl Future<Output = ()> + 'static,
    ) -> &'static str {
        let mut task = Task {
            what,
            future: Box::pin(future),
            woken: Arc::default(),
        };
        if task.poll().is_pending() {
            self.tasks.push(task);
        }
        what
    }

    fn receive(&mut self) -> &'static str {
        if self.has_peer_closed {
            return "nothing";
        }
        self.has_changed = true;
        for _ in 0..self.random.within(0..6) {
            self.hand.wire.feed(b"\x82\x03abc\x82\x00");
        }
        self.has_peer_closed = self.random.once_in(10);
        if self.has_peer_closed {
            // A Close, or a frame that is none.
            let last: [&[u8]; 2] = [b"\x88\x02\x03\xE8", b"\xFF\xFF"];
            let at = self.random.within(0..last.len());
            self.hand.wire.feed(last[at]);
        }
        "the peer writes"
    }

    /// Polls those that were woken, until none is.
    fn settle(&mut self, what: &str) {
        for _ in 0..1_000 {
            let mut is_settled = true;
            let is_woken = self.hand.count.0.swap(0, Ordering::Relaxed) > 0;
            if is_woken | std::mem::take(&mut self.has_changed) && !self.is_over {
                self.poll_driver();
                is_settled = false;
            }
            self.tasks.retain_mut(|task| {
                let is_woken = task.woken.0.swap(0, Ordering::Relaxed) > 0;
                is_settled &= !is_woken;
                !is_woken || task.poll().is_pending()
            });
            if is_settled {
                return;
            }
        }
        panic!("{what}: they wake each other without end");
    }

    fn poll_driver(&mut self) {
        let waker = Waker::from(Arc::clone(&self.hand.count));
        let mut cx = Context::from_waker(&waker);
        self.is_over = self.hand.driver.as_mut().poll(&mut cx).is_ready();
    }

    /// Polls all, of whom nobody may have missed anything.
    fn check(&mut self, what: &str) {
        if !self.is_over {
            let before = self.told();
            self.poll_driver();
            assert_eq!(before, self.told(), "{what}: the driver was not woken");
            assert!(!self.is_over, "{what}: the driver was not woken at its end");
        }
        for task in &mut self.tasks {
            let waited = task.what;
            assert!(task.poll().is_pending(), "{what}: {waited} was not woken");
            assert_eq!(task.woken.0.load(Ordering::Relaxed), 0, "{what}: {waited}");
        }
    }

    fn told(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let socket = self.stream.socket();
        let lens = self.hand.wire.lens();
        (socket.ready_state(), socket.buffered_amount(), lens)
    }
}

#[test]
fn d45_to_d49_nobody_waits_for_what_is_there_or_wakes_itself() {
    for seed in 0..1_000 {
        let mut program = Program::new(seed);
        for _ in 0..60 {
            let what = format!("seed {seed}, {}", program.act());
            program.settle(&what);
            program.check(&what);
        }
    }
}
