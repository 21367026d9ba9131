//! Waiting for something to become true, with a limit and a name for it.

use std::thread;
use std::time::{Duration, Instant};

/// How often a condition is looked at: short against everything a guest does.
const INTERVAL: Duration = Duration::from_millis(20);

/// Returns when `ready` says so; fails with `what` when that takes longer than `limit`.
pub fn until(
    what: &str,
    limit: Duration,
    mut ready: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + limit;
    while !ready()? {
        anyhow::ensure!(Instant::now() < deadline, "waited {} s in vain: {what}", limit.as_secs());
        thread::sleep(INTERVAL);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_in_vain_says_for_what() {
        let error = until("pigs fly", Duration::ZERO, || Ok(false)).unwrap_err();
        assert_eq!(error.to_string(), "waited 0 s in vain: pigs fly");
    }

    #[test]
    fn a_wait_ends_when_its_condition_holds() {
        let mut looks = 0;
        until("the third look", Duration::from_secs(5), || {
            looks += 1;
            Ok(looks == 3)
        })
        .unwrap();
        assert_eq!(looks, 3);
    }
}
