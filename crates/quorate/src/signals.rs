//! Being asked to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Waits until this process is asked to stop; gives the signal's name.
pub(crate) async fn stop() -> std::io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        biased;
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
