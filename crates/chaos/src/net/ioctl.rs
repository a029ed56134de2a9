//! The two requests to the kernel that no safe function makes.

use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Setter, Updater, ioctl};

/// `TUNSETIFF` of linux/if_tun.h.
const TUN_SET_INTERFACE: u32 = 0x4004_54ca;
/// `IFF_TAP | IFF_NO_PI`: whole Ethernet frames, and nothing before them.
const TAP_FLAGS: i16 = 0x0002 | 0x1000;
/// `EXT4_IOC_SHUTDOWN` and `XFS_IOC_GOINGDOWN`, which are the same number.
const SHUT_DOWN: u32 = 0x8004_587d;
/// `EXT4_GOING_FLAGS_NOLOGFLUSH` and `XFS_FSOP_GOING_FLAGS_NOLOGFLUSH`: what is not on disk stays off it.
const WITHOUT_FLUSH: u32 = 2;

/// `struct ifreq` of linux/if.h, as `TUNSETIFF` reads and fills it.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; 16],
    flags: i16,
    rest: [u8; 22],
}

/// Makes `device`, an open `/dev/net/tun`, the far end of a TAP device of this name in the thread's network namespace.
#[expect(unsafe_code, reason = "rustix can't know what a request number means")]
pub(super) fn become_tap(device: impl AsFd, name: &str) -> io::Result<()> {
    let mut request = InterfaceRequest { name: [0; 16], flags: TAP_FLAGS, rest: [0; 22] };
    // The last byte stays zero: the kernel wants an end.
    request.name.iter_mut().take(15).zip(name.bytes()).for_each(|(to, from)| *to = from);
    // SAFETY: the request reads and writes a `struct ifreq`, which is 40 bytes and may hold any bytes.
    let update = unsafe { Updater::<TUN_SET_INTERFACE, InterfaceRequest>::new(&mut request) };
    // SAFETY: the pointer is valid for the call, and on a file that is no TUN device the kernel refuses the number.
    unsafe { ioctl(device, update) }?;
    Ok(())
}

/// Ends a mounted ext4 or xfs at once, as a power cut does: nothing more gets to its disk, not even its own journal.
///
/// # Errors
/// If the file system can't do that.
#[expect(unsafe_code, reason = "rustix can't know what a request number means")]
pub fn shut_down_file_system(folder: impl AsFd) -> io::Result<()> {
    // SAFETY: the request reads 32 bits and writes nothing.
    let cut = unsafe { Setter::<SHUT_DOWN, u32>::new(WITHOUT_FLUSH) };
    // SAFETY: the pointer is valid for the call; other file systems refuse the number.
    unsafe { ioctl(folder, cut) }?;
    Ok(())
}
