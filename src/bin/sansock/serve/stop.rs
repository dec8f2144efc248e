//! The end: Ctrl-C and SIGTERM tell every connection, and each closes with 1001 (RFC 6455 §7.4.1).

use std::{io, process, sync::Arc, thread, time::Duration};

use sansock::{CloseCode, CloseFrame};
#[cfg(unix)]
use tokio::select;
use tokio::{runtime, signal, sync::watch};

/// How long the connections have for their closing handshakes.
pub(super) const GRACE: Duration = Duration::from_secs(3);

/// Tells the connections of an adapter that tasks poll.
pub(super) struct Stop(Arc<watch::Sender<bool>>);

/// Whether the server stops; each connection has one.
#[derive(Clone)]
pub(super) struct Stopped(watch::Receiver<bool>);

impl Stop {
    /// One that Ctrl-C and SIGTERM set off.
    pub(super) fn new() -> io::Result<(Self, Stopped)> {
        let (sender, receiver) = watch::channel(false);
        let sender = Arc::new(sender);
        let shared = Arc::clone(&sender);
        on_interrupt(move || {
            shared.send_replace(true);
        })?;
        Ok((Self(sender), Stopped(receiver)))
    }

    /// Waits until no [`Stopped`] is left.
    pub(super) async fn all_gone(&self) {
        self.0.closed().await;
    }
}

impl Stopped {
    /// Waits for the end.
    pub(super) async fn wait(&mut self) {
        // An error means that nobody is left to tell, which is an end as well.
        let _ = self.0.wait_for(|stops| *stops).await;
    }
}

/// Acts on Ctrl-C, and on SIGTERM, by which services and containers are stopped, on a thread of its
/// own: an adapter need not know of signals. A second one ends the program at once.
pub(super) fn on_interrupt(act: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    // From here on none is missed.
    #[cfg(unix)]
    let (mut interrupts, mut terminations) = {
        use signal::unix::{SignalKind, signal};
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    #[cfg(windows)]
    let mut interrupts = signal::windows::ctrl_c()?;
    drop(entered);
    let mut next = move || {
        #[cfg(unix)]
        let next = async {
            select! { s = interrupts.recv() => s, s = terminations.recv() => s }
        };
        #[cfg(windows)]
        let next = interrupts.recv();
        runtime.block_on(next)
    };
    let wait = move || {
        if next().is_some() {
            act();
            next();
            process::exit(1);
        }
    };
    thread::Builder::new().spawn(wait)?;
    Ok(())
}

/// "1001 indicates that an endpoint is 'going away', such as a server going down" (§7.4.1).
pub(super) fn going_away() -> CloseFrame<'static> {
    CloseFrame::new(CloseCode::GOING_AWAY, "the server stops")
}
