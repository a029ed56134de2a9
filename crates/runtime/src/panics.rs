//! A panic is a broken invariant. What depends on it must not go on, and must not wait for ever for a task that is gone.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// From now on a panic ends the process, as a crash does, after it has been reported; unless it is [contained](contain). For
/// the process of a node: its supervisor starts it again, and recovery is what is tested best.
pub fn abort_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        if !CONTAINED.get() {
            std::process::abort();
        }
    }));
}

/// A panic in `future` ends the task that it runs on, and nothing else. For work that nobody depends on but who asked for it:
/// what one client sends must not end the node.
pub async fn contain<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _inside = Inside::enter();
        future.as_mut().poll(context)
    })
    .await
}

/// The thread polls something contained. Left only after the panic was reported, which comes before unwinding.
struct Inside {
    before: bool,
}

impl Inside {
    fn enter() -> Self {
        Self { before: CONTAINED.replace(true) }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        CONTAINED.set(self.before);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Runs a test that panics, in a process of its own.
    fn is_aborted(test: &str) -> bool {
        let this = std::env::current_exe().unwrap();
        let child = Command::new(this).args(["--exact", test, "--ignored"]).output().unwrap();
        assert!(String::from_utf8_lossy(&child.stdout).contains("running 1 test"));
        // A test that fails ends with a code; an abort, with a signal.
        child.status.code().is_none()
    }

    async fn broken() {
        tokio::task::yield_now().await;
        panic!("an invariant is broken");
    }

    fn run(future: impl Future<Output = ()> + Send + 'static) {
        abort_on_panic();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert!(runtime.block_on(runtime.spawn(future)).unwrap_err().is_panic());
    }

    #[test]
    #[ignore = "run by a_panic_ends_the_process_unless_it_is_contained"]
    fn panics() {
        run(broken());
    }

    #[test]
    #[ignore = "run by a_panic_ends_the_process_unless_it_is_contained"]
    fn panics_contained() {
        run(contain(broken()));
    }

    #[test]
    #[ignore = "run by a_panic_ends_the_process_unless_it_is_contained"]
    fn panics_after_something_contained() {
        run(async {
            contain(tokio::task::yield_now()).await;
            broken().await;
        });
    }

    #[test]
    fn a_panic_ends_the_process_unless_it_is_contained() {
        assert!(is_aborted("panics::tests::panics"));
        assert!(!is_aborted("panics::tests::panics_contained"));
        assert!(is_aborted("panics::tests::panics_after_something_contained"));
    }
}
