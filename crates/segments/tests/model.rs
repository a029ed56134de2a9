//! Whatever is called, in whatever order: all live frames can be read, now and after a restart.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::driver::{Driver, calls};
use common::run;
use proptest::prelude::*;
use runtime::SimDisk;
use runtime::disk::sim::Crash;

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_is_live(calls in calls(1..150), seed: u64) {
        let result: Result<(), String> = run(async {
            let mut driver = Driver::new(SimDisk::new(seed)).await.map_err(|error| error.to_string())?;
            driver.run(&calls).await?;
            driver.check().await?;
            let disk = driver.disk.crash(Crash::LoseUnsynced);
            driver.restart(disk).await.map_err(|error| error.to_string())?;
            driver.check().await?;
            driver.write().await.map_err(|error| error.to_string())?;
            driver.keep_only().await?;
            driver.check().await?;
            let stats = driver.frames.stats();
            // What no manifest names is not on the disk.
            if driver.disk.files().len() != stats.files || stats.memory_frames != 0 || stats.files_leaving != 0 {
                return Err(format!("{stats:?}, but {:?}", driver.disk.files()));
            }
            Ok(())
        });
        prop_assert_eq!(result, Ok(()));
    }
}
