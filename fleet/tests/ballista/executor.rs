//! Ballista's executor as it is, for tests/cluster.rs: what the program of the crate does, without its log files
//! and health port.

use std::sync::Arc;

use ballista_executor::config::Config;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use clap::Parser;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let config: ExecutorProcessConfig = Config::parse().try_into()?;
        start_executor_process(Arc::new(config)).await?;
        Ok(())
    })
}
