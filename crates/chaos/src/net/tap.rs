//! TAP devices inside namespaces.

use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags, open};

use super::ioctl::become_tap;
use super::{HostId, Namespace};
use crate::shell;

/// Its name in every namespace.
const DEVICE: &str = "tap0";
const PREFIX_BITS: u8 = 24;

/// The address of a host. The namespaces of a run are its only network, so all runs have the same.
pub fn address(host: HostId) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, 1 + host.0)
}

fn hardware(host: HostId) -> String {
    format!("02:00:00:00:00:{:02x}", 1 + host.0)
}

/// A TAP device's end in this process. The device lives as long as it.
pub struct Tap {
    host: HostId,
    end: OwnedFd,
}

impl Tap {
    /// Gives a namespace its device, its address, and the hardware addresses of `others`, so that nobody has to ask.
    ///
    /// # Errors
    /// If the kernel has no TAP devices, or it may not be done.
    pub fn create(namespace: &Namespace, host: HostId, others: &[HostId]) -> Result<Self> {
        let end = namespace.inside(|| -> Result<OwnedFd> {
            let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let end = open("/dev/net/tun", flags, Mode::empty()).context("open /dev/net/tun")?;
            become_tap(&end, DEVICE).context("make a TAP device")?;
            Ok(end)
        })??;
        let ip = |args: &[&str]| shell::run("ip", &[&["-n", namespace.name()], args].concat());
        ip(&["link", "set", DEVICE, "address", &hardware(host)])?;
        ip(&["addr", "add", &format!("{}/{PREFIX_BITS}", address(host)), "dev", DEVICE])?;
        ip(&["link", "set", DEVICE, "up"])?;
        for other in others.iter().filter(|other| **other != host) {
            let to = address(*other).to_string();
            ip(&["neigh", "add", &to, "lladdr", &hardware(*other), "dev", DEVICE, "nud", "permanent"])?;
        }
        Ok(Self { host, end })
    }

    /// Whose it is.
    pub fn host(&self) -> HostId {
        self.host
    }

    /// The length of the next frame that the host sent, if there is one.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Option<usize> {
        rustix::io::read(&self.end, buffer).ok()
    }

    /// Hands a frame to the host. A device that takes no more loses it, as a network card does.
    pub(super) fn deliver(&self, frame: &[u8]) {
        let _ = rustix::io::write(&self.end, frame);
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}

/// The host that a frame is for, if it is for one alone.
pub(super) fn receiver(frame: &[u8]) -> Option<HostId> {
    match frame.first_chunk()? {
        [2, 0, 0, 0, 0, last] => last.checked_sub(1).map(HostId),
        _ => None,
    }
}
