//! The real clock, randomness, waiting and environment: what the house sees only through its
//! windows (`jieli_node::world`). Nothing else in the workspace may touch them.

use async_trait::async_trait;
use jieli_node::config::Config;
use jieli_node::keys::{Passphrase, Places, VARIABLE};
use jieli_node::world::{Clock, Entropy, Sleep};
use ring::rand::{SecureRandom, SystemRandom};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// The time of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the real clock, made by the program alone"
    )]
    fn now_unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The randomness of this machine's kernel.
#[derive(Clone, Debug)]
pub struct SystemEntropy(SystemRandom);

impl SystemEntropy {
    /// Opens it.
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the real entropy, made by the program alone"
    )]
    pub fn new() -> SystemEntropy {
        SystemEntropy(SystemRandom::new())
    }
}

impl Default for SystemEntropy {
    fn default() -> SystemEntropy {
        SystemEntropy::new()
    }
}

impl Entropy for SystemEntropy {
    /// Ends the process where the kernel has no randomness: a key, nonce or salt that can be
    /// guessed is worse than a node that is down.
    fn fill(&self, buffer: &mut [u8]) {
        if self.0.fill(buffer).is_err() {
            tracing::error!("the system gives no random bytes: stopping");
            std::process::abort();
        }
    }
}

/// Waiting on the runtime's timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioSleep;

#[async_trait]
impl Sleep for TokioSleep {
    async fn sleep(&self, how_long: Duration) {
        tokio::time::sleep(how_long).await;
    }
}

/// Where the passphrase of the key files may be: the systemd credential, the environment, the
/// file named in the configuration.
pub fn passphrase_places(config: Option<&Config>) -> Places {
    let variable = std::env::var_os(VARIABLE).map(|text| text.into_encoded_bytes());
    Places {
        credentials_dir: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        variable: variable.and_then(Passphrase::new),
        file: config.and_then(Config::passphrase_file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jieli_node::world::random;

    #[test]
    fn the_clock_is_past_the_first_line_of_jieli() {
        assert!(SystemClock.now_unix_ms() > 1_700_000_000_000);
    }

    #[test]
    fn random_bytes_differ() {
        let entropy = SystemEntropy::new();
        assert_ne!(random::<32>(&entropy), random::<32>(&entropy));
    }

    #[tokio::test]
    async fn sleeping_ends() {
        TokioSleep.sleep(Duration::from_millis(1)).await;
    }
}
