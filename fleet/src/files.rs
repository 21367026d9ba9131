//! The files of a store: which of them can be read, and which are damaged.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
// Its namesake one module above is not what the engine looks for.
use datafusion::datasource::physical_plan::parquet::metadata::CachedParquetMetaData;
use datafusion::execution::cache::TableScopedPath;
use datafusion::execution::cache::cache_manager::{CacheManager, CachedFileMetadataEntry, FileMetadataCache};
use futures::StreamExt;
use object_store::ObjectMeta;
use object_store::path::Path;
use softoff_store::doubt::{self, Span};
use softoff_store::error::Unfit;
use softoff_store::{Footer, Place};

use crate::progress::Progress;
use crate::warn::Warnings;

/// Footers that are fetched at a time.
const AT_A_TIME: usize = 32;
/// Changed or damaged files that are named.
const NAMED: usize = 5;

/// The files of a store that can be read, in the order of their names.
pub struct Files {
    /// Those that can be read.
    pub fit: Vec<ObjectMeta>,
    /// What they say of themselves.
    pub footers: Vec<Footer>,
    /// Whether these are all that there are.
    pub whole: bool,
}

/// Looks at the footer of each file; what is unfit is named and left out, and what cannot be right is said. The
/// engine finds the list of those that are fit in its caches then, and as many of their footers as these hold.
pub async fn look(place: &Place, caches: &CacheManager) -> anyhow::Result<Files> {
    let listed = place.list().await?;
    let cache = caches.get_file_metadata_cache();
    let progress = Progress::files("opening", listed.len() as u64);
    // Each is a task of its own: to decode footers is work for all processors.
    let open = |file: &ObjectMeta| tokio::spawn(open(place.clone(), file.clone(), Arc::clone(&cache)));
    let looked = futures::stream::iter(&listed).map(open).buffered(AT_A_TIME);
    let footers: Vec<_> = looked.inspect(|_| progress.one_more()).collect().await;
    drop(progress);
    let mut warnings = Warnings::new("files left out");
    let (mut fit, mut fit_footers, mut spans) = (Vec::new(), Vec::new(), Vec::new());
    for (file, footer) in listed.iter().zip(footers) {
        match footer.unwrap_or_else(|stopped| Err(Unfit::Unreadable(stopped.to_string()))) {
            Ok(footer) => {
                spans.extend(span(place, file, &footer));
                fit.push(file.clone());
                fit_footers.push(footer);
            }
            Err(unfit) => warnings.say(&format!("{}: {unfit}; left out", place.name(&file.location))),
        }
    }
    drop(warnings);
    let mut warnings = Warnings::new("doubts of this kind");
    for doubt in doubt::doubts(&spans, Utc::now()) {
        warnings.say(&doubt.to_string());
    }
    if fit.is_empty() && !listed.is_empty() {
        bail!("none of the {} files of {} can be read, see the warnings above", listed.len(), place.root());
    }
    keep_list(place, &fit, caches)?;
    Ok(Files { whole: fit.len() == listed.len(), fit, footers: fit_footers })
}

/// The footer of a file, which goes into the cache.
async fn open(place: Place, file: ObjectMeta, cache: Arc<FileMetadataCache>) -> Result<Footer, Unfit> {
    let metadata = place.metadata(&file).await?;
    let footer = Footer::of(&metadata)?;
    if let Ok(file) = in_the_engine(&place, &file) {
        let metadata = Arc::new(CachedParquetMetaData::new(Arc::new(metadata)));
        cache.put(&file.location.clone(), CachedFileMetadataEntry::new(file, metadata));
    }
    Ok(footer)
}

/// What the engine finds below the root of the store from now on: nothing that was not looked at.
fn keep_list(place: &Place, files: &[ObjectMeta], caches: &CacheManager) -> anyhow::Result<()> {
    let cache = caches.get_list_files_cache().context("the engine keeps no lists of files")?;
    let path = Path::from_url_path(place.root().path())?;
    let files: Result<Vec<_>, _> = files.iter().map(|file| in_the_engine(place, file)).collect();
    cache.put(&TableScopedPath { table: None, path }, files?.into());
    Ok(())
}

/// A file under the name that the engine has for it.
fn in_the_engine(place: &Place, file: &ObjectMeta) -> Result<ObjectMeta, object_store::path::Error> {
    let location = Path::from_url_path(place.url(&file.location).path())?;
    Ok(ObjectMeta { location, ..file.clone() })
}

/// When the requests of a file were, and whose they are by its name.
fn span(place: &Place, file: &ObjectMeta, footer: &Footer) -> Option<Span> {
    let (first, last) = footer.requests?;
    let parts: Vec<_> = file.location.parts().map(|part| part.as_ref().to_owned()).collect();
    let [.., host, boot] = parts.as_slice() else { return None };
    Some(Span {
        file: place.name(&file.location),
        host: host.strip_prefix("host=")?.to_owned(),
        boot_id: boot.clone(),
        first: DateTime::from_timestamp_micros(first)?,
        last: DateTime::from_timestamp_micros(last)?,
    })
}

/// Those of the files that are not what they were when they were looked at, by name.
pub async fn changed(place: &Place, files: &[ObjectMeta]) -> Vec<String> {
    let Ok(listed) = place.list().await else { return Vec::new() };
    let now: BTreeMap<_, _> = listed.iter().map(|file| (&file.location, file)).collect();
    let changed = files.iter().filter(|file| now.get(&file.location) != Some(file));
    changed.map(|file| place.name(&file.location)).take(NAMED).collect()
}

/// Those of the files whose insides cannot be read, by name with the reason. Reads all of them.
pub async fn damaged(place: &Place, files: &[ObjectMeta]) -> Vec<String> {
    let progress = Progress::files("looking for what is damaged", files.len() as u64);
    let mut damaged = Vec::new();
    for file in files {
        if let Err(unfit) = place.read_through(file).await {
            damaged.push(format!("{}: {unfit}", place.name(&file.location)));
        }
        progress.one_more();
        if damaged.len() == NAMED {
            break;
        }
    }
    damaged
}
