//! Logs go to stderr: for people on a terminal, as JSON lines elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging at `level`: a level's name, or a filter such as `info,consensus=debug`.
pub(crate) fn start(level: &str) -> Result<(), String> {
    let parsed = EnvFilter::try_new(level);
    let filter = parsed.map_err(|error| {
        format!("log = {level:?}: {error}; give error, warn, info, debug or trace, or a filter such as info,consensus=debug")
    })?;
    // openraft warns of every attempt to reach a node that is down, 50 a second; the peer links say it once.
    let quieter = if level.contains("openraft") {
        filter
    } else {
        filter.add_directive(QUIET_RAFT.parse().expect("a valid directive"))
    };
    let builder = tracing_subscriber::fmt().with_env_filter(quieter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.init();
    } else {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
    }
    Ok(())
}

const QUIET_RAFT: &str = "openraft=error";
