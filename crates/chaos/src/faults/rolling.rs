//! All nodes, one after another.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Bite, Fault, Stage};
use crate::net::HostId;
use crate::time;

/// How a node is restarted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// By SIGTERM.
    Stop,
    /// By kill -9.
    Kill,
    /// By SIGTERM, and another binary is started.
    Upgrade,
    /// The same, back to the first binary.
    Downgrade,
}

/// Every node in turn is ended and started again.
pub struct Rolling {
    how: How,
    restarted: usize,
    as_it_should: usize,
    longest: Duration,
}

/// How long a node may take to serve again.
const SERVE_MAX: Duration = Duration::from_secs(30);
/// How long the cluster works with some nodes upgraded, after each.
const MIXED: Duration = Duration::from_millis(1500);

impl Rolling {
    /// Of all nodes.
    pub fn new(how: How) -> Self {
        Self { how, restarted: 0, as_it_should: 0, longest: Duration::ZERO }
    }

    fn stop(&mut self, stage: &mut Stage, host: HostId) -> Result<()> {
        let node = stage.world.node(host);
        if self.how == How::Kill {
            self.as_it_should += usize::from(node.kill()?);
            return Ok(());
        }
        match node.stop() {
            Ok(took) => {
                self.longest = self.longest.max(took);
                self.as_it_should += usize::from(self.how == How::Stop);
            }
            Err(error) => stage.complaints.push(format!("{error:#}")),
        }
        Ok(())
    }

    /// The binary to go on with, if it is to be another.
    fn binary(&self, stage: &mut Stage) -> Result<Option<PathBuf>> {
        match self.how {
            How::Stop | How::Kill => Ok(None),
            How::Upgrade => stage.upgrade().map(Some),
            How::Downgrade => Ok(Some(stage.tools.quorate.clone())),
        }
    }
}

impl Fault for Rolling {
    fn name(&self) -> String {
        match self.how {
            How::Stop => "rolling restart",
            How::Kill => "rolling kill",
            How::Upgrade => "rolling upgrade",
            How::Downgrade => "rolling downgrade",
        }
        .into()
    }

    fn detail(&self) -> String {
        format!("{} nodes", self.restarted)
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        let binary = self.binary(stage)?;
        for host in stage.shuffled() {
            self.stop(stage, host)?;
            let node = stage.world.node(host);
            if let Some(binary) = &binary {
                node.use_program(binary);
            }
            if !node.is_up() {
                node.start()?;
                self.restarted += 1;
            }
            if time::wait_for(SERVE_MAX, || Ok(node.srvr()))?.is_none() {
                let (number, name) = (host.0, self.name());
                stage.complaints.push(format!("node {number} did not serve within {SERVE_MAX:?}: {name}"));
            }
            if let Some(binary) = &binary {
                let node = stage.world.node(host);
                let runs = node.executable().context("ask which program a node runs")?;
                self.as_it_should += usize::from(runs == *binary);
                time::pause(MIXED)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, _stage: &mut Stage) -> Result<Bite> {
        let Self { restarted, as_it_should, longest, .. } = self;
        let shown = match self.how {
            How::Stop => {
                format!("{as_it_should} of {restarted} ended after SIGTERM, the slowest in {longest:?}")
            }
            How::Kill => format!("{as_it_should} of {restarted} ended by SIGKILL"),
            How::Upgrade | How::Downgrade => format!("{as_it_should} of {restarted} run the other binary"),
        };
        Ok(Bite::when(*restarted > 0 && as_it_should == restarted, shown))
    }
}
