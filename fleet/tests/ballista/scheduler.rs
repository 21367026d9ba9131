//! Ballista's scheduler as it is, for tests/cluster.rs: what the program of the crate does, without its log files.

use std::sync::Arc;

use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::{Config, SchedulerConfig};
use ballista_scheduler::scheduler_process::start_server;
use clap::Parser;

/// As in the original: plans are read recursively.
const STACK: usize = 32 << 20;

fn main() -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build()?;
    runtime.block_on(async {
        let options = Config::parse();
        let address = format!("{}:{}", options.bind_host, options.bind_port).parse()?;
        let config: SchedulerConfig = options.try_into()?;
        let cluster = BallistaCluster::new_from_config(&config).await?;
        start_server(cluster, address, Arc::new(config)).await?;
        Ok(())
    })
}
