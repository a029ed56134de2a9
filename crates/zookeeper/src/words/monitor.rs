//! `mntr`: numbers for monitoring, a key and a value a line.

use std::fmt::Write;

use control::LogStatus;

use crate::monitor::{collect, flatten};
use crate::serve::Server;

pub(super) fn mntr(server: &Server, status: &LogStatus) -> String {
    let mut text = String::new();
    for (key, number) in flatten(collect(server, Some(status))) {
        let _ = writeln!(text, "zk_{key}\t{number}");
    }
    text
}
