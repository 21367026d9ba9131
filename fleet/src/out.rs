//! What the verbs have in common: the store they ask, and where their answers go.

use std::io::{self, Write};

use clap::ValueEnum;

use crate::cluster::Address;
use crate::engine::{self, Engine};

/// The store, and what it may cost to ask it.
#[derive(Debug, Clone, clap::Args)]
pub struct Store {
    /// The store: a directory, or a URL
    #[arg(long = "store", value_name = "DIR|URL", env = "SOFTOFF_STORE", default_value = "softoff-store")]
    place: String,
    /// Memory the query engine may use, in MiB; beyond it, it uses the disk
    #[arg(long, value_name = "MIB", default_value_t = engine::MEMORY_MIB)]
    memory: usize,
    /// Let a Ballista cluster carry the queries out: the address of its scheduler
    #[arg(long, value_name = "df://HOST:PORT", env = "SOFTOFF_CLUSTER")]
    cluster: Option<Address>,
}

impl Store {
    /// Opens it; an empty one is said.
    pub async fn open(&self) -> anyhow::Result<Engine> {
        let engine = Engine::open(&self.place, self.memory, self.cluster.as_ref()).await?;
        if engine.rows == 0 {
            eprintln!(
                "softoff-fleet: no episodes in {}; `softoff export --format parquet` and `softoff fleet collect` \
                 put them there",
                softoff_reports::visible(&self.place)
            );
        }
        Ok(engine)
    }
}

/// For whom the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// Writes to standard output.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Says it where figures are made up.
pub fn synthetic_note(engine: &Engine, text: &mut String) {
    if engine.synthetic {
        text.push_str("Synthetic: episodes in this store were made up by `softoff fleet synth`.\n");
    }
}
