//! A pipe in memory whose two ends block, with time limits, as a socket's do.
#![allow(
    dead_code,
    reason = "each suite uses its share of these helpers, and a helper that panics is a failed test"
)]

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use sansock::adapter::blocking::Stream;

/// One direction.
#[derive(Debug, Default)]
struct Way {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: VecDeque<u8>,
    /// The writer has ended.
    is_ended: bool,
    /// The reader is gone.
    is_broken: bool,
}

/// One end.
#[derive(Debug)]
pub(crate) struct Pipe {
    input: Arc<Way>,
    output: Arc<Way>,
    size: usize,
    read_timeout: Mutex<Option<Duration>>,
    write_timeout: Mutex<Option<Duration>>,
}

/// Both ends of a pipe that holds `size` bytes in each direction.
pub(crate) fn pipe(size: usize) -> (Pipe, Pipe) {
    let (one, other) = (Arc::<Way>::default(), Arc::<Way>::default());
    let end = |input: &Arc<Way>, output: &Arc<Way>| Pipe {
        input: Arc::clone(input),
        output: Arc::clone(output),
        size,
        read_timeout: Mutex::default(),
        write_timeout: Mutex::default(),
    };
    (end(&one, &other), end(&other, &one))
}

impl Way {
    /// Waits until `step` has an answer, or for the time limit.
    fn wait<T>(
        &self,
        limit: Option<Duration>,
        mut step: impl FnMut(&mut State) -> Option<io::Result<T>>,
    ) -> io::Result<T> {
        let until = limit.map(|limit| Instant::now() + limit);
        let mut state = self.state.lock().expect("no end panics");
        loop {
            if let Some(result) = step(&mut state) {
                self.changed.notify_all();
                return result;
            }
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return Err(io::ErrorKind::WouldBlock.into()),
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.expect("no end panics").0
                }
                None => self.changed.wait(state).expect("no end panics"),
            };
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = *self.read_timeout.lock().expect("no end panics");
        self.input.wait(limit, |state| {
            if state.bytes.is_empty() {
                return state.is_ended.then_some(Ok(0));
            }
            let n = state.bytes.len().min(buffer.len());
            for (to, from) in buffer.iter_mut().zip(state.bytes.drain(..n)) {
                *to = from;
            }
            Some(Ok(n))
        })
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let limit = *self.write_timeout.lock().expect("no end panics");
        self.output.wait(limit, |state| {
            if state.is_broken || state.is_ended {
                return Some(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let n = bytes.len().min(self.size - state.bytes.len());
            state.bytes.extend(&bytes[..n]);
            (n > 0 || bytes.is_empty()).then_some(Ok(n))
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Pipe {
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        assert_ne!(timeout, Some(Duration::ZERO), "as a socket refuses it");
        *self.read_timeout.lock().expect("no end panics") = timeout;
        Ok(())
    }

    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        assert_ne!(timeout, Some(Duration::ZERO), "as a socket refuses it");
        *self.write_timeout.lock().expect("no end panics") = timeout;
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.output.state.lock().expect("no end panics").is_ended = true;
        self.output.changed.notify_all();
        Ok(())
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if let Ok(mut state) = self.output.state.lock() {
            state.is_ended = true;
        }
        if let Ok(mut state) = self.input.state.lock() {
            state.is_broken = true;
        }
        self.output.changed.notify_all();
        self.input.changed.notify_all();
    }
}
