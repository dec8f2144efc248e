//! One connection under load: it keeps so many messages under way, and compares what comes back.

use std::{
    cell::RefCell,
    collections::VecDeque,
    pin::pin,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use sansock::{CloseCode, CloseFrame, EndpointEvent, Message};
use tokio::{select, time};

use super::Plan;
use crate::{failure::Failure, target::Connected, terminal::Escaped};

/// What one connection has to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// How many messages it sends at the most.
    pub(super) messages: u64,
    /// For how long it sends.
    pub(super) duration: Option<Duration>,
}

/// What is measured.
#[derive(Debug)]
pub(super) struct Stats {
    /// The latencies in nanoseconds; one for each message that came back.
    pub(super) latencies: Histogram<u64>,
    /// When the last message came back.
    pub(super) last: Option<Instant>,
    /// How many connections agreed on permessage-deflate.
    pub(super) deflated: u32,
}

/// Messages that differ from those around them, so that none can be taken for another.
#[derive(Debug)]
pub(super) struct Payloads {
    texts: Vec<String>,
    is_text: bool,
}

/// Sends and compares until the load is done, then closes.
///
/// # Errors
///
/// If another message comes back than was sent, or the connection ends before.
pub(super) async fn drive(
    mut socket: Connected,
    load: Load,
    start: Instant,
    plan: &Plan,
    stats: &RefCell<Stats>,
) -> Result<(), Failure> {
    stats.borrow_mut().deflated += u32::from(socket.deflate().is_some());
    let deadline = load.duration.map(|duration| start + duration);
    let mut may_send = true;
    // When the messages were sent that have not come back.
    let mut sent_at = VecDeque::new();
    let (mut sent, mut received) = (0, 0);
    let mut heard = Instant::now();
    let mut impatience = pin!(time::sleep(plan.patience));
    loop {
        // It never waits here: what would have to is sent when something came back.
        while may_send
            && sent < load.messages
            && sent - received < plan.pipeline
            && socket.can_send()
        {
            sent_at.push_back(Instant::now());
            let fed = socket.feed(plan.payloads.message(sent)).await;
            fed.map_err(|error| plan.target.failure(&error))?;
            sent += 1;
        }
        if sent == received {
            break;
        }
        select! {
            biased;
            filled = socket.fill() => match filled {
                Ok(true) => {}
                Ok(false) => return Err(ended(&socket)),
                Err(error) => return Err(Failure::new(format!("the connection failed: {error}"))),
            },
            () = &mut impatience => {
                if heard.elapsed() >= plan.patience {
                    let what = format!("nothing came back for {:?}", plan.patience);
                    return Err(Failure::new(what).hint(NO_ECHO));
                }
                impatience.as_mut().reset((heard + plan.patience).into());
                continue;
            }
        }
        let now = Instant::now();
        may_send = deadline.is_none_or(|deadline| now < deadline) && !plan.stop.load(Relaxed);
        let (before, mut is_control) = (received, false);
        let mut stats = stats.borrow_mut();
        while let Some((event, mut reply)) = socket.next_with_reply() {
            match event {
                EndpointEvent::Event(sansock::Event::Message(message)) => {
                    let since = sent_at
                        .pop_front()
                        .filter(|_| plan.payloads.is(received, &message));
                    let Some(since) = since else {
                        return Err(plan.payloads.differ(received, &message));
                    };
                    received += 1;
                    stats.add_one(now.saturating_duration_since(since));
                    if may_send && sent < load.messages && reply.can_send() {
                        sent_at.push_back(now);
                        let queued = reply.send(plan.payloads.message(sent));
                        queued.map_err(|error| Failure::new(error.to_string()))?;
                        sent += 1;
                    }
                }
                EndpointEvent::Closed(_) => break,
                _ => is_control = true,
            }
        }
        // A part of a message is an answer that comes; a Ping is none.
        if received != before || !is_control {
            heard = now;
        }
        if received != before {
            stats.last = Some(now);
            plan.progress.fetch_add(received - before, Relaxed);
        }
    }
    // All that was measured is over; how the server closes is not what is asked.
    let goodbye = CloseFrame::new(CloseCode::NORMAL, "");
    if socket.close(Some(&goodbye)).await.is_ok() {
        let _ = socket.end().await;
    }
    Ok(())
}

const NO_ECHO: &str = "The server must send every message back, as `sansock serve` does.";

/// Why a connection ended before its load was done.
fn ended(socket: &Connected) -> Failure {
    let why = socket.close_status().map_or_else(String::new, |status| {
        match (&status.error, &status.received) {
            (Some(error), _) => format!(": {error}"),
            (None, Some(frame)) => {
                format!(": code {} {}", frame.code, Escaped(&frame.reason))
            }
            (None, None) => String::new(),
        }
    });
    Failure::new(format!("the server ended a connection{why}"))
}

impl Stats {
    /// # Errors
    ///
    /// Never with these bounds; the histogram's way to say so.
    pub(super) fn new() -> Result<Self, Failure> {
        // Up to an hour with three significant digits; what takes longer counts as an hour.
        let hour = Duration::from_secs(3_600).as_nanos();
        let latencies = Histogram::new_with_bounds(1, u64::try_from(hour).unwrap_or(u64::MAX), 3)
            .map_err(|error| Failure::new(format!("cannot measure: {error}")))?;
        Ok(Self {
            latencies,
            last: None,
            deflated: 0,
        })
    }

    /// Adds what was measured elsewhere.
    pub(super) fn add(&mut self, other: &Self) -> Result<(), Failure> {
        self.last = self.last.max(other.last);
        self.deflated += other.deflated;
        self.latencies
            .add(&other.latencies)
            .map_err(|error| Failure::new(format!("cannot sum up: {error}")))
    }

    fn add_one(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.latencies.saturating_record(nanoseconds.max(1));
    }
}

impl Payloads {
    /// How many differ at the most: with more under way, equal ones lie farther apart.
    const MOST: usize = 16;

    /// So many bytes each, with so many messages under way.
    pub(super) fn new(size: usize, is_text: bool, pipeline: usize) -> Self {
        let many = pipeline.saturating_add(1).min(Self::MOST);
        let texts = (0..many)
            .map(|n| {
                let line = format!("{n:x} {{\"id\": {n}, \"kind\": \"sample\", \"value\": 0.25}} ");
                let mut text = line.repeat(size / line.len() + 1);
                text.truncate(size); // it is ASCII
                text
            })
            .collect();
        Self { texts, is_text }
    }

    /// What the `n`th message is.
    fn message(&self, n: u64) -> Message<'_> {
        match self.is_text {
            true => self.text(n).into(),
            false => self.text(n).as_bytes().into(),
        }
    }

    /// Whether this is the `n`th message.
    fn is(&self, n: u64, message: &Message<'_>) -> bool {
        message.is_text() == self.is_text && message.as_bytes() == self.text(n).as_bytes()
    }

    /// What to say of a message that is not the `n`th.
    fn differ(&self, n: u64, message: &Message<'_>) -> Failure {
        let kind = |is_text| if is_text { "text" } else { "binary" };
        let what = format!(
            "not what was sent came back: message {n} was {} of {} bytes, but this is {} of {}",
            kind(self.is_text),
            self.text(n).len(),
            kind(message.is_text()),
            message.len(),
        );
        Failure::new(what).hint(NO_ECHO)
    }

    fn text(&self, n: u64) -> &str {
        let many = self.texts.len() as u64;
        let at = usize::try_from(n % many).unwrap_or_default();
        self.texts.get(at).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_have_their_size_and_differ_from_their_neighbours() {
        for size in [1, 2, 100, 70_000] {
            let payloads = Payloads::new(size, true, 3);
            for n in 0..8 {
                assert_eq!(payloads.message(n).len(), size);
                assert!(payloads.is(n, &payloads.message(n)));
                for other in n + 1..n + 4 {
                    assert!(!payloads.is(n, &payloads.message(other)), "{n} {other}");
                }
            }
        }
        let payloads = Payloads::new(0, false, usize::MAX);
        assert_eq!(payloads.texts.len(), 16);
        assert!(payloads.is(0, &(&[]).into()));
        assert!(!payloads.is(0, &"".into()), "text is not binary");
    }
}
