//! Frames whose data is damaged on the way.

use std::time::Duration;

use anyhow::{Context, Result};

use super::weather::Where;
use super::{Bite, Fault, Stage};
use crate::net::{Counts, Namespace, Overlay, Quality};
use crate::time;

/// A bit of the data of some frames is flipped. The checksum of TCP (RFC 9293, 3.1) finds every single bit, so nobody may
/// ever be handed such data: the kernel drops the frame, and it is sent again.
pub struct Corruption {
    place: Where,
    share: f64,
    about: String,
    overlay: Option<Overlay>,
    dropped_before: u64,
}

/// How long a frame that was handed over may take to be looked at.
const LOOKED_AT: Duration = Duration::from_millis(100);

impl Corruption {
    /// Of this share of the frames with data, from 0 to 1.
    pub fn new(place: Where, share: f64) -> Self {
        Self { place, share, about: String::new(), overlay: None, dropped_before: 0 }
    }
}

impl Fault for Corruption {
    fn name(&self) -> String {
        "corruption".into()
    }

    fn detail(&self) -> String {
        format!("{:.0} %, {}", self.share * 100.0, self.about)
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        let (ways, about) = self.place.draw(stage)?;
        self.about = about;
        self.dropped_before = dropped(stage)?;
        let damaging = Quality { corrupt: self.share, ..Quality::default() };
        self.overlay = Some(stage.world.switch.lay(ways.into_iter().map(|way| (way, damaging)).collect()));
        Ok(())
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        let overlay = self.overlay.take().context("a fault that ends has begun")?;
        let Counts { corrupted, duplicated, .. } = stage.world.switch.lift(&overlay);
        time::nap(LOOKED_AT);
        let dropped = dropped(stage)? - self.dropped_before;
        // One that also comes twice is dropped twice.
        if dropped < corrupted || dropped > corrupted + duplicated {
            stage.complaints.push(format!(
                "the switch damaged {corrupted} frames, and the kernel found {dropped} with a wrong checksum"
            ));
        }
        let shown = format!("{corrupted} frames were damaged, {dropped} were dropped for their checksum");
        Ok(Bite::when(corrupted > 0 && dropped > 0, shown))
    }
}

/// How many TCP segments all hosts together have dropped for their checksum.
fn dropped(stage: &Stage) -> Result<u64> {
    let namespaces = stage.world.nodes().map(|node| &node.namespace).chain([&stage.world.clients]);
    namespaces.map(checksum_errors).sum()
}

fn checksum_errors(namespace: &Namespace) -> Result<u64> {
    let text = namespace.inside(|| std::fs::read_to_string("/proc/thread-self/net/snmp"))?;
    let text = text.context("read the kernel's counts of TCP")?;
    parse(&text).context("find InCsumErrors among the kernel's counts of TCP")
}

/// Finds `InCsumErrors`: a line of names, and a line of values below (proc_net_snmp of the kernel's documentation).
fn parse(text: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with("Tcp:")).map(str::split_whitespace);
    let (mut names, mut values) = (lines.next()?, lines.next()?);
    values.nth(names.position(|name| name == "InCsumErrors")?)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stands_below_its_name() {
        let text = "Ip: Forwarding\nIp: 1\nTcp: InSegs InCsumErrors Other\nTcp: 10 7 3\n";
        assert_eq!(parse(text), Some(7));
        assert_eq!(parse("Tcp: InSegs\nTcp: 10\n"), None);
    }
}
