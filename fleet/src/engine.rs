//! The query engine: DataFusion over the files of a store, in bounded memory, on this machine or a cluster.

use std::convert::Infallible;
use std::num::NonZero;
use std::sync::{Arc, Once};
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::Context;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use futures::TryStreamExt;
use object_store::ObjectMeta;
use softoff_store::Place;
use url::Url;

use crate::cluster::{self, Address};
use crate::files::{self, Files};
use crate::progress::Progress;

/// The name of the table in SQL.
pub const TABLE: &str = "episodes";
/// Memory the engine may use unless it is told otherwise, in MiB; beyond it, it spills to disk.
pub const MEMORY_MIB: usize = 2048;
/// One part in so many of that may be taken by footers that are kept.
const FOOTERS: usize = 8;
/// Parts of a plan for each processor: while one waits for its file, another one goes on.
const PARTS: usize = 2;

/// A store, ready to be asked.
pub struct Engine {
    context: SessionContext,
    cluster: Option<Address>,
    /// Whether it was said that the cluster takes long.
    told: Once,
    place: Place,
    files: Vec<ObjectMeta>,
    /// How many episodes there are.
    pub rows: u64,
    /// Whether some of them are made up.
    pub synthetic: bool,
}

impl Engine {
    /// Opens the store that `name` names, with so many MiB for the engine, or a cluster to carry it out.
    pub async fn open(name: &str, memory_mib: usize, cluster: Option<&Address>) -> anyhow::Result<Self> {
        let place = Place::open(name)
            .with_context(|| format!("cannot open the store {name}; name another one with --store"))?;
        let context = context(memory_mib)?;
        let files = files::look(&place, &context.runtime_env().cache_manager).await?;
        // There is nothing to send to a cluster for an empty store.
        let cluster = cluster.filter(|_| !files.fit.is_empty());
        let context = match cluster {
            Some(address) => address.session(config()).await?,
            None => context,
        };
        let format = ParquetFormat::default().with_options(context.copied_table_options().parquet);
        let table = table(urls(&place, &files, cluster.is_some()), format, schema(cluster.is_some()))?;
        if place.root().scheme() != "file" {
            context.register_object_store(place.root(), place.object_store());
        }
        context.register_table(TABLE, table)?;
        let rows = files.footers.iter().map(|footer| footer.rows).sum();
        let synthetic = files.footers.iter().any(|footer| footer.synthetic);
        Ok(Self {
            context,
            cluster: cluster.cloned(),
            told: Once::new(),
            place,
            files: files.fit,
            rows,
            synthetic,
        })
    }

    /// The answer to a statement, all of it, and the progress on the way.
    pub async fn ask(&self, sql: &str) -> anyhow::Result<Vec<RecordBatch>> {
        let frame = self.frame(sql).await?;
        self.collect(frame).await
    }

    /// A statement that only reads.
    pub async fn frame(&self, sql: &str) -> anyhow::Result<DataFrame> {
        use datafusion::execution::context::SQLOptions;
        let only_reads =
            SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        let frame = self.context.sql_with_options(sql, only_reads).await;
        frame.with_context(|| {
            format!("the query cannot be planned; docs/fleet.md has the columns of the table {TABLE}")
        })
    }

    /// All of an answer.
    pub async fn collect(&self, frame: DataFrame) -> anyhow::Result<Vec<RecordBatch>> {
        let plan = frame.create_physical_plan().await.context("the query cannot be planned")?;
        let answer = execute_stream(Arc::clone(&plan), self.context.task_ctx())?.try_collect();
        let answer = tokio::select! {
            answer = answer => answer,
            never = self.watch(&plan) => match never {},
        };
        match answer {
            Err(error) => Err(anyhow::Error::from(error).context(self.failure().await)),
            Ok(batches) => Ok(batches),
        }
    }

    /// Shows how far a plan is, as long as it is carried out.
    async fn watch(&self, plan: &Arc<dyn ExecutionPlan>) -> Infallible {
        let progress = match &self.cluster {
            // It does not say how far it is.
            Some(_) => Progress::waiting("the cluster counts"),
            None => Progress::rows("reading", self.rows * scans(plan)),
        };
        let began = Instant::now();
        let mut ticks = Progress::ticks();
        loop {
            ticks.tick().await;
            // To count what so many files have given costs more than it is worth where nobody looks.
            if Progress::is_watched() {
                progress.at(rows_read(plan));
            }
            if let Some(address) = self.cluster.as_ref().filter(|_| began.elapsed() > cluster::LONG) {
                self.told.call_once(|| progress.say(&address.still_waiting()));
            }
        }
    }

    /// What can be said of a query that failed: which files were not what they had been, or are damaged.
    async fn failure(&self) -> String {
        let changed = files::changed(&self.place, &self.files).await;
        if !changed.is_empty() {
            return format!(
                "the query failed, as files were replaced or removed meanwhile; ask again: {}",
                changed.join("; ")
            );
        }
        let damaged = files::damaged(&self.place, &self.files).await;
        match (&self.cluster, damaged.is_empty()) {
            (_, false) => format!(
                "the query failed over damaged files; export them again or take them away: {}",
                damaged.join("; ")
            ),
            (Some(address), true) => format!(
                "the query failed at {address}; each of its machines must find the store under the same name"
            ),
            (None, true) => "the query failed while it read".to_owned(),
        }
    }
}

fn config() -> SessionConfig {
    let mut config = SessionConfig::new().with_information_schema(true);
    let options = config.options_mut();
    // The footers were read once already, and no plan here gains from statistics of whole files.
    options.execution.collect_statistics = false;
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.metadata_size_hint = usize::try_from(softoff_store::place::TAIL).ok();
    // A store may stand anywhere below the directory that is named.
    options.execution.listing_table_ignore_subdirectory = false;
    options.execution.time_zone = Some("UTC".to_owned());
    config
}

fn context(memory_mib: usize) -> anyhow::Result<SessionContext> {
    let footers = (memory_mib << 20) / FOOTERS;
    let memory = (memory_mib << 20) - footers;
    let parts = PARTS * available_parallelism().map_or(1, NonZero::get);
    let mut config = config().with_target_partitions(parts);
    // Each part of a sort sets so much aside: the usual 10 MiB would be all there is on many processors.
    let aside = &mut config.options_mut().execution.sort_spill_reservation_bytes;
    *aside = (memory / parts / 4).min(*aside);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_limit(memory, 1.0)
        .with_metadata_cache_limit(footers)
        // The list of files is in memory anyway, and without it others would be read than were looked at.
        .with_object_list_cache_limit(usize::MAX);
    Ok(SessionContext::new_with_config_rt(config, runtime.build_arc()?))
}

/// What a plan says that it reads. Here it is the root of the store, below which the engine finds the files that
/// were looked at. A cluster lists it by itself: there, each file is named where not all are to be read. Many thousand
/// names are beyond the length of a message.
fn urls(place: &Place, files: &Files, on_a_cluster: bool) -> Vec<Url> {
    if on_a_cluster && !files.whole {
        return files.fit.iter().map(|file| place.url(&file.location)).collect();
    }
    vec![place.root().clone()]
}

/// The files at some URLs, or below them, as one table.
fn table(urls: Vec<Url>, format: ParquetFormat, schema: SchemaRef) -> anyhow::Result<Arc<dyn TableProvider>> {
    let urls: Result<Vec<_>, _> = urls.into_iter().map(|url| ListingTableUrl::try_new(url, None)).collect();
    let options = ListingOptions::new(Arc::new(format)).with_file_extension(".parquet");
    let config =
        ListingTableConfig::new_with_multi_paths(urls?).with_listing_options(options).with_schema(schema);
    Ok(Arc::new(ListingTable::try_new(config)?))
}

/// The columns. On this machine texts are views, by which the engine groups without copying; what goes from
/// machine to machine would take whole buffers of views along.
fn schema(on_a_cluster: bool) -> SchemaRef {
    let schema = softoff_store::schema::arrow_schema();
    if on_a_cluster {
        return schema;
    }
    let view = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
        _ => Arc::clone(field),
    };
    Arc::new(Schema::new(schema.fields().iter().map(view).collect::<Vec<_>>()))
}

/// How often a plan reads the files.
fn scans(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    leaves(plan).len().try_into().unwrap_or(1)
}

fn rows_read(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let rows = |leaf: &Arc<dyn ExecutionPlan>| leaf.metrics().and_then(|metrics| metrics.output_rows());
    leaves(plan).iter().filter_map(rows).map(|rows| rows as u64).sum()
}

fn leaves(plan: &Arc<dyn ExecutionPlan>) -> Vec<Arc<dyn ExecutionPlan>> {
    let children = plan.children();
    if children.is_empty() {
        return vec![Arc::clone(plan)];
    }
    children.into_iter().flat_map(leaves).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads").block_on(test);
    }

    #[test]
    fn a_file_that_was_replaced_since_the_store_was_opened_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = dir.path().to_str().expect("a name");
        let synth = ["softoff-fleet", "synth", "--hosts", "1", "--days", "1", "--store", store];
        crate::cli::Cli::parse_from(synth).run().expect("a store");
        run(async {
            let engine = Engine::open(store, 64, None).await.expect("a store");
            let name = engine.files[0].location.to_string();
            fs::write(dir.path().join(&name), "a newer one").expect("written");
            let error =
                engine.ask("SELECT sum(observed_seconds) FROM episodes").await.expect_err("not whole");
            assert!(error.to_string().ends_with(&name) && error.to_string().contains("ask again"), "{error}");
        });
    }

    #[test]
    fn files_are_listed_and_their_footers_read_once_whatever_their_names() {
        let dir = tempfile::tempdir().expect("a directory");
        let day = dir.path().join("a store of 100 %/date=2026-11-25/host=web#1");
        fs::create_dir_all(&day).expect("a directory");
        fs::write(day.join("boot.parquet"), softoff_store::file::encode(vec![]).expect("encoded"))
            .expect("written");
        run(async {
            let name = dir.path().to_string_lossy();
            let engine = Engine::open(&name, 64, None).await.expect("a store");
            engine.ask("SELECT cause, count(*) FROM episodes GROUP BY cause").await.expect("an answer");
            let runtime = engine.context.runtime_env();
            let list = runtime.cache_manager.get_list_files_cache().expect("a cache").list_entries();
            let footers = runtime.cache_manager.get_file_metadata_cache().list_entries();
            let found: Vec<_> = footers.values().map(|footer| footer.hits).collect();
            assert!(list.len() == 1 && list.values().all(|list| list.hits > 0), "{list:?}");
            assert_eq!(found, [1], "there since it was opened, and found when it was read");
        });
    }
}
