//! What the clocks of a node show.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};

use super::{Place, Program};

/// A process that is started as a node is, and so has the same clocks. Dropped, it ends.
pub struct Witness {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What clocks show, in seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reading {
    /// Since the Unix epoch.
    pub wall: f64,
    /// Since nobody knows when.
    pub monotonic: f64,
}

impl Witness {
    /// Starts one: this program, asked to tell the time.
    pub(super) fn start(program: &Program, place: &Place) -> Result<Self> {
        let own = std::env::current_exe().context("find this program")?;
        let mut command = Command::new(own);
        command.arg("clock").stdin(Stdio::piped()).stdout(Stdio::piped());
        program.fake_clock(place, &mut command);
        let mut process = command.spawn().context("start a process that tells the time")?;
        let questions = process.stdin.take().context("a pipe was asked for")?;
        let answers = BufReader::new(process.stdout.take().context("a pipe was asked for")?);
        Ok(Self { process, questions, answers })
    }

    /// What its clocks show now.
    ///
    /// # Errors
    /// If it does not run any more.
    pub fn ask(&mut self) -> Result<Reading> {
        writeln!(self.questions).context("ask for the time")?;
        let mut line = String::new();
        self.answers.read_line(&mut line).context("hear the time")?;
        parse(&line).with_context(|| format!("understand {line:?} as a time"))
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What `quorate-chaos clock` does: answers each line with what its clocks show, until there are no more.
///
/// # Errors
/// If nobody takes the answers.
#[expect(clippy::disallowed_methods, reason = "it is about the machine's clocks")]
pub fn tell_time() -> Result<()> {
    let began = std::time::Instant::now();
    for _ in std::io::stdin().lines() {
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let monotonic = began.elapsed();
        let mut out = std::io::stdout().lock();
        writeln!(out, "{} {}", wall.as_secs_f64(), monotonic.as_secs_f64()).context("tell the time")?;
        out.flush().context("tell the time")?;
    }
    Ok(())
}

fn parse(line: &str) -> Option<Reading> {
    let (wall, monotonic) = line.trim().split_once(' ')?;
    Some(Reading { wall: wall.parse().ok()?, monotonic: monotonic.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_both_clocks() {
        assert_eq!(parse("12.5 3\n"), Some(Reading { wall: 12.5, monotonic: 3.0 }));
        assert_eq!(parse(""), None);
    }
}
