//! The C library's randomness and clock, as this binary sees them.
//!
//! The standard library seeds `HashMap`s with `getrandom` and reads `Instant` and `SystemTime` with `clock_gettime`; so do
//! `rand` and openraft through it. A binary that defines these symbols itself gets both calls: on a thread that runs a
//! simulation they answer from the seed and from simulated time ([`sim::seeded`]), on any other as the kernel would.
//!
//! This file is no module of the library: it is compiled only into the simulator's binary and into its tests, so that no
//! other binary of the workspace can end up with a clock of its own.

#![expect(
    unsafe_code,
    reason = "symbols of the C library can't be defined without, nor its buffers be written"
)]

use std::ffi::{c_int, c_uint, c_void};

use rustix::rand::{GetRandomFlags, getrandom as kernel_random};
use rustix::time::{ClockId, Timespec, clock_gettime as kernel_clock};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// # Safety
/// As of `getrandom(2)`: `buffer` has room for `len` bytes.
// SAFETY: the name, the arguments and the result are those of the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut c_void, len: usize, flags: c_uint) -> isize {
    // SAFETY: the caller gives a buffer of `len` bytes that nobody else uses; zeroing makes all of it initialised.
    let bytes = unsafe {
        buffer.cast::<u8>().write_bytes(0, len);
        std::slice::from_raw_parts_mut(buffer.cast::<u8>(), len)
    };
    if sim::seeded::fill(bytes) {
        return len.cast_signed();
    }
    let filled = kernel_random(bytes, GetRandomFlags::from_bits_truncate(flags));
    filled.map_or(-1, usize::cast_signed)
}

/// # Safety
/// As of `clock_gettime(2)`: `time` has room for a `timespec`.
// SAFETY: the name, the arguments and the result are those of the C library's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    let now = match (clock, sim::seeded::now_ns()) {
        // Time used by the CPU stays real: it is what the simulator measures itself with.
        (2, _) => kernel_clock(ClockId::ProcessCPUTime),
        (3, _) => kernel_clock(ClockId::ThreadCPUTime),
        (_, Some(now)) => Timespec {
            tv_sec: (now / NANOS_PER_SECOND).cast_signed(),
            tv_nsec: (now % NANOS_PER_SECOND).cast_signed(),
        },
        (1 | 4 | 6, None) => kernel_clock(ClockId::Monotonic),
        (7, None) => kernel_clock(ClockId::Boottime),
        (_, None) => kernel_clock(ClockId::Realtime),
    };
    // SAFETY: the caller gives room for a `timespec`, which `Timespec` is on Linux with 64-bit pointers.
    unsafe { time.write(now) };
    0
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("the simulator defines symbols of the C library as 64-bit Linux has them");
