//! A chat: every line that a guest sends goes to all.
//!
//! Each connection is split: one half reads, the other writes what the room says. A line is framed
//! once and shared by all who get it. Who speaks waits a moment for those who are far behind, and
//! nobody waits for a guest who does not read: whoever is [`QUEUE`] lines behind has left the room.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sansock::{
    CloseCode, CloseFrame,
    adapter::{
        self,
        polled::{Io, Socket, WriteHalf},
    },
    proto::Prepared,
};
use tokio::{
    join, select,
    sync::{mpsc, oneshot},
    time::sleep,
};

use super::stop::{Stopped, going_away};
use crate::terminal::tell;

/// How many lines a guest may be behind, besides those that the system has taken to send.
const QUEUE: usize = 64;

/// How often who speaks looks whether somebody is half of that behind, before going on…
const LOOKS: u32 = 25;

/// …and how long apart: a burst of lines does not drop those who read.
const MOMENT: Duration = Duration::from_millis(2);

/// All who are here.
#[derive(Debug, Default)]
pub(super) struct Room(Mutex<Guests>);

#[derive(Debug, Default)]
struct Guests {
    /// How many there have been.
    count: u64,
    here: HashMap<u64, Guest>,
}

/// How a guest is reached.
#[derive(Debug)]
struct Guest {
    lines: mpsc::Sender<Prepared>,
    too_slow: oneshot::Sender<()>,
}

/// What the half that writes to a guest waits for.
struct Inbox {
    lines: mpsc::Receiver<Prepared>,
    too_slow: oneshot::Receiver<()>,
}

impl Room {
    fn enter(&self) -> (u64, Inbox) {
        let (sender, lines) = mpsc::channel(QUEUE);
        let (tell, too_slow) = oneshot::channel();
        let guest = Guest {
            lines: sender,
            too_slow: tell,
        };
        let mut guests = self.guests();
        guests.count += 1;
        let number = guests.count;
        guests.here.insert(number, guest);
        drop(guests);
        self.say(&format!("* guest {number} is here"));
        (number, Inbox { lines, too_slow })
    }

    fn leave(&self, guest: u64) {
        let left = self.guests().here.remove(&guest);
        if left.is_some() {
            self.say(&format!("* guest {guest} has left"));
        }
    }

    /// Gives a line to all, without waiting for anybody: whose queue is full is dropped, and why is
    /// said to the others.
    fn say(&self, line: &str) {
        let mut news = vec![line.to_owned()];
        while let Some(line) = news.pop() {
            let line = Prepared::new(line); // one frame, shared
            let mut guests = self.guests();
            let is_slow = |guest: &Guest| guest.lines.try_send(line.clone()).is_err();
            for (number, guest) in guests.here.extract_if(|_, guest| is_slow(guest)) {
                // An error means that its connection has just ended.
                if guest.too_slow.send(()).is_ok() {
                    tell(format_args!("guest {number} is too slow"));
                    news.push(format!("* guest {number} was too slow"));
                }
            }
        }
    }

    async fn let_others_read(&self) {
        for _ in 0..LOOKS {
            let is_behind = |guest: &Guest| guest.lines.capacity() < QUEUE / 2;
            if !self.guests().here.values().any(is_behind) {
                return;
            }
            sleep(MOMENT).await;
        }
    }

    fn guests(&self) -> MutexGuard<'_, Guests> {
        // A panic elsewhere leaves the map as good as it was.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A guest, from entering the room until its connection ends.
pub(super) async fn converse<T: Io>(
    socket: Socket<T>,
    room: &Room,
    stopped: Stopped,
) -> Result<(), adapter::Error> {
    let (mut read, write) = socket.into_split();
    let (guest, inbox) = room.enter();
    let reading = async {
        let ended = loop {
            match read.recv().await {
                Ok(Some(message)) => {
                    // What is no text is nothing that people say.
                    if let Some(line) = message.as_text() {
                        room.say(&format!("guest {guest}: {line}"));
                        room.let_others_read().await;
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        room.leave(guest);
        ended
    };
    // Writing ends as well: the room closes the queue, or the connection is over.
    let (ended, ()) = join!(reading, send(write, inbox, stopped));
    ended
}

/// Writes what the room says until the guest has left.
async fn send<T: Io>(mut write: WriteHalf<T>, mut inbox: Inbox, mut stopped: Stopped) {
    let writing = async {
        while let Some(line) = inbox.lines.recv().await {
            if write.send_prepared(&line).await.is_err() {
                break; // why is what receiving ends with
            }
        }
    };
    let reason = select! {
        () = writing => return,
        Ok(()) = inbox.too_slow => CloseFrame::new(CloseCode::POLICY_VIOLATION, "too slow"),
        () = stopped.wait() => going_away(),
    };
    // The message that waited was dropped whole. The Close stands behind what was sent before, and
    // the reading half sees the end of it: by the guest's answer or by a timeout.
    let _ = write.close(Some(&reason)).await;
}
