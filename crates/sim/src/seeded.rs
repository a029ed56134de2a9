//! What the C library tells a simulated thread: randomness from the seed, simulated time.
//!
//! The state is the thread's own. A seed runs on a fresh thread, so nothing of an earlier seed is left in it (nor in the
//! thread-local generators of the crates below), and a batch of seeds in one process goes as each alone would.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::TryRngCore;
use rand::rngs::OsRng;

/// When simulations begin, in seconds since 1970: some day in 2026.
pub const EPOCH: Duration = Duration::from_secs(1_780_000_000);

const LENGTHS: usize = 64;

thread_local! {
    static SIMULATED: Cell<bool> = const { Cell::new(false) };
    /// A generator for each length that is asked for. Hash maps ask for other lengths than generators of random numbers, and
    /// who asks first depends on whether there is a log: so neither changes what the other gets.
    static RANDOM: [Cell<u64>; LENGTHS] = const { [const { Cell::new(0) }; LENGTHS] };
    static NOW_NS: Cell<u64> = const { Cell::new(0) };
}

/// This binary does not come with the simulator's own clock and randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this binary reads the machine's clock and randomness, so a seed would not decide its runs; compile interpose.rs into it"
)]
pub struct NotInterposed;

/// Makes the calling thread a simulated one, at time zero of `seed`.
///
/// # Errors
/// If the binary does not define the C library's functions.
pub fn enter(seed: u64) -> Result<(), NotInterposed> {
    align_task_ids();
    SIMULATED.set(true);
    advance_to(Duration::ZERO);
    reset(seed);
    let mut expected = [0; 16];
    fill(&mut expected);
    reset(seed);
    let mut found = [0; 16];
    let filled = OsRng.try_fill_bytes(&mut found).is_ok();
    reset(seed);
    if filled && found == expected && wall() == EPOCH { Ok(()) } else { Err(NotInterposed) }
}

/// Gives the calling thread the machine's clock and randomness back: what looks at a run that is over may take time.
pub fn leave() {
    SIMULATED.set(false);
}

/// tokio numbers tasks through the whole process and drops those of a crashed host by the last bits of their numbers: a
/// run begins with the same bits, whatever ran before it. (So two runs at the same time in one process would disturb
/// each other.)
fn align_task_ids() {
    const ALIGNMENT: u64 = 64;
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime without IO needs nothing");
    let number = |task: tokio::task::JoinHandle<()>| task.id().to_string().parse::<u64>();
    while number(runtime.spawn(async {})).is_ok_and(|id| id % ALIGNMENT != 0) {}
}

#[expect(clippy::disallowed_methods, reason = "to see whether the clock is the simulator's")]
fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Sets simulated time, as the time since the simulation began.
pub fn advance_to(elapsed: Duration) {
    NOW_NS.set(u64::try_from((EPOCH + elapsed).as_nanos()).expect("simulations end before the year 2500"));
}

/// Simulated time since the simulation began; zero on other threads.
pub fn elapsed() -> Duration {
    Duration::from_nanos(NOW_NS.get()).saturating_sub(EPOCH)
}

/// Fills `bytes` from the seed. False, and nothing done, on threads that are not simulated.
pub fn fill(bytes: &mut [u8]) -> bool {
    if !SIMULATED.get() {
        return false;
    }
    let length = bytes.len() % LENGTHS;
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&next(length).to_le_bytes()[..chunk.len()]);
    }
    true
}

/// Simulated time in nanoseconds since 1970, if this thread is simulated.
pub fn now_ns() -> Option<u64> {
    SIMULATED.get().then(|| NOW_NS.get())
}

fn reset(seed: u64) {
    RANDOM.with(|generators| {
        for (length, state) in generators.iter().enumerate() {
            state.set(mix(seed ^ (length as u64) << 32));
        }
    });
}

fn next(length: usize) -> u64 {
    RANDOM.with(|generators| {
        let state = generators[length].get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        generators[length].set(state);
        mix(state)
    })
}

/// Splitmix64's output function: close inputs give unrelated outputs.
pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
