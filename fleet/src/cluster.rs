//! A cluster: the same statements, carried out by a Ballista scheduler and its executors as they are.
//!
//! ```text
//! softoff fleet ── plan ──▶ scheduler ── stages ──▶ executors ──▶ files of the store
//!       ◀──────────── counts in bins ────────────────────┘
//! ```
//!
//! Only what DataFusion has built in is asked of it, so a stock cluster serves. The store must have the same name
//! on all machines: a shared directory, or an object store.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use ballista::prelude::SessionContextExt;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use tokio::net::TcpStream;
use url::Url;

/// The port of a scheduler unless it is told otherwise.
const PORT: u16 = 50050;
/// Parts that a plan is cut into: so many processors can work on it at a time.
const PARTS: usize = 64;
/// How long a scheduler may take to answer at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// What takes longer than this may never end.
pub const LONG: Duration = Duration::from_secs(30);

/// Where the scheduler is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected df://HOST:PORT, the address of a Ballista scheduler".to_owned();
        let url = Url::parse(text).map_err(|_| expected())?;
        let host = url.host_str().filter(|host| !host.is_empty() && url.scheme() == "df");
        let host = host.filter(|_| matches!(url.path(), "" | "/")).ok_or_else(expected)?;
        Ok(Self { host: host.to_owned(), port: url.port().unwrap_or(PORT) })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "df://{}:{}", self.host, self.port)
    }
}

impl Address {
    /// A session there.
    pub async fn session(&self, config: SessionConfig) -> anyhow::Result<SessionContext> {
        self.knock().await?;
        let config = config.with_target_partitions(PARTS);
        let state = SessionStateBuilder::new().with_config(config).with_default_features().build();
        let session = SessionContext::remote_with_state(&self.to_string(), state).await;
        session.with_context(|| format!("cannot begin a session at {self}"))
    }

    /// What can be said after [`LONG`].
    pub fn still_waiting(&self) -> String {
        format!(
            "no answer from {self} for {} s; it goes on, but where the scheduler has no executors it waits for \
             ever: is ballista-executor running and known to it?",
            LONG.as_secs()
        )
    }

    /// Ballista's own error for an address where nobody listens is no help.
    async fn knock(&self) -> anyhow::Result<()> {
        let failed =
            || format!("cannot reach a Ballista scheduler at {self}; is ballista-scheduler running there?");
        let connection = TcpStream::connect((self.host.trim_matches(['[', ']']), self.port));
        let connected = tokio::time::timeout(PATIENCE, connection).await.with_context(failed)?;
        connected.map(drop).with_context(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_its_port_or_the_usual_one() {
        let address = |text: &str| text.parse::<Address>().map(|address| address.to_string());
        assert_eq!(address("df://queries.example:1234"), Ok("df://queries.example:1234".to_owned()));
        assert_eq!(address("df://10.0.0.1/"), Ok("df://10.0.0.1:50050".to_owned()));
        assert_eq!(address("df://[::1]:50050"), Ok("df://[::1]:50050".to_owned()));
    }

    #[test]
    fn what_is_no_address_is_told_what_one_is() {
        for text in
            ["", "localhost:50050", "http://localhost:50050", "df://", "df://host:port", "df://host/jobs"]
        {
            let error = text.parse::<Address>().expect_err(text);
            assert!(error.contains("df://HOST:PORT"), "{text}");
        }
    }
}
