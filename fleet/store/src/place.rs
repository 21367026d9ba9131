//! Where a store is: a directory, or an object store by its URL. A file is put there whole or not at all.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use parquet::file::metadata::ParquetMetaData;
use url::Url;

use crate::StoreError;
use crate::error::Unfit;
use crate::file::{self, Footer, Tail};

/// So much of a file's end is fetched at first, in bytes: most footers fit.
pub const TAIL: u64 = 16 << 10;

/// A place of files.
#[derive(Debug, Clone)]
pub struct Place {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    root: Url,
    /// As people typed it.
    name: String,
}

impl Place {
    /// Opens a directory or URL to read from it.
    pub fn open(name: &str) -> Result<Self, StoreError> {
        match local(name) {
            Some(dir) => Self::directory(name, &dir),
            None => Self::remote(name),
        }
    }

    /// Opens a directory or URL to write to it; the directory is made.
    pub fn create(name: &str) -> Result<Self, StoreError> {
        if let Some(dir) = local(name) {
            std::fs::create_dir_all(&dir).map_err(|source| StoreError::Directory { path: dir, source })?;
        }
        Self::open(name)
    }

    fn directory(name: &str, dir: &FilePath) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Place { what: "open", name: name.to_owned(), source };
        let whole = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let store = LocalFileSystem::new_with_prefix(&whole).map_err(failed)?;
        let root = Url::from_directory_path(&whole).map_err(|()| StoreError::NoPlace(name.to_owned()))?;
        Ok(Self { store: Arc::new(store), prefix: Path::ROOT, root, name: name.to_owned() })
    }

    #[cfg(not(feature = "s3"))]
    fn remote(name: &str) -> Result<Self, StoreError> {
        Err(StoreError::NoPlace(name.to_owned()))
    }

    /// S3; keys, region and end point come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, …).
    #[cfg(feature = "s3")]
    fn remote(name: &str) -> Result<Self, StoreError> {
        use object_store::aws::AmazonS3Builder;
        let failed = |source| StoreError::Place { what: "open", name: name.to_owned(), source };
        let no_place = || StoreError::NoPlace(name.to_owned());
        let mut root = Url::parse(name).map_err(|_| no_place())?;
        if root.scheme() != "s3" {
            return Err(no_place());
        }
        if !root.path().ends_with('/') {
            root.set_path(&format!("{}/", root.path()));
        }
        let prefix = Path::from_url_path(root.path()).map_err(|error| failed(error.into()))?;
        let store = AmazonS3Builder::from_env().with_url(name).build().map_err(failed)?;
        Ok(Self { store: Arc::new(store), prefix, root, name: name.to_owned() })
    }

    /// The URL of the root, with a slash at its end.
    pub fn root(&self) -> &Url {
        &self.root
    }

    /// The object store behind it, for an engine that reads from it.
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// The URL of a file.
    pub fn url(&self, path: &Path) -> Url {
        let mut url = self.root.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.parts().map(|part| part.as_ref().to_owned()));
        }
        url
    }

    /// The file as people know it.
    pub fn name(&self, path: &Path) -> String {
        format!("{}/{path}", self.name.trim_end_matches('/'))
    }

    /// Puts a file there, whole or not at all; an older one of that name is replaced.
    pub async fn put(&self, path: &Path, bytes: Vec<u8>) -> Result<(), StoreError> {
        let put = self.store.put(&self.at(path), bytes.into()).await;
        put.map(|_| ()).map_err(|source| self.failed("write", path, source))
    }

    /// The whole file; `None` where there is none.
    pub async fn get(&self, path: &Path) -> Result<Option<Bytes>, StoreError> {
        let failed = |source| self.failed("read", path, source);
        match self.store.get(&self.at(path)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(failed),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(failed(source)),
        }
    }

    /// All Parquet files with their lengths, by name. Half-written ones have other names.
    pub async fn list(&self) -> Result<Vec<ObjectMeta>, StoreError> {
        use futures::TryStreamExt;
        let prefix = (!self.prefix.as_ref().is_empty()).then_some(&self.prefix);
        let found: Result<Vec<_>, _> = self.store.list(prefix).try_collect().await;
        let mut files = found.map_err(|source| self.failed("list", &Path::ROOT, source))?;
        files.retain(|file| file.location.extension() == Some("parquet"));
        for file in &mut files {
            file.location = self.within(&file.location);
        }
        files.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(files)
    }

    /// What a file says of itself.
    pub async fn footer(&self, file: &ObjectMeta) -> Result<Footer, Unfit> {
        Footer::of(&self.metadata(file).await?)
    }

    /// The metadata at the end of a file, whoever wrote it.
    pub async fn metadata(&self, file: &ObjectMeta) -> Result<ParquetMetaData, Unfit> {
        let mut wanted = TAIL;
        loop {
            let tail = self.tail(file, wanted).await?;
            match file::metadata(&tail, file.size) {
                Ok(metadata) => return Ok(metadata),
                Err(Tail::Short(needed)) => wanted = needed,
                Err(Tail::Unfit(unfit)) => return Err(unfit),
            }
        }
    }

    /// Reads all of a file and keeps nothing: damage inside it shows nowhere else.
    pub async fn read_through(&self, file: &ObjectMeta) -> Result<(), Unfit> {
        let unreadable = |error: object_store::Error| Unfit::Unreadable(error.to_string());
        let found = self.store.get(&self.at(&file.location)).await.map_err(unreadable)?;
        file::read_through(found.bytes().await.map_err(unreadable)?)
    }

    async fn tail(&self, file: &ObjectMeta, wanted: u64) -> Result<Bytes, Unfit> {
        if file.size == 0 {
            return Ok(Bytes::new());
        }
        let range = file.size.saturating_sub(wanted)..file.size;
        // As ranges: a directory's answer to the request for one comes in two steps, each on another thread.
        let found = self.store.get_ranges(&self.at(&file.location), &[range]).await;
        let found = found.map_err(|error| Unfit::Unreadable(error.to_string()))?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    fn at(&self, path: &Path) -> Path {
        let whole = format!("{}/{path}", self.prefix);
        Path::parse(whole.trim_matches('/')).unwrap_or_else(|_| path.clone())
    }

    fn within(&self, path: &Path) -> Path {
        let rest = path.as_ref().strip_prefix(self.prefix.as_ref()).unwrap_or(path.as_ref());
        Path::parse(rest.trim_matches('/')).unwrap_or_else(|_| path.clone())
    }

    fn failed(&self, what: &'static str, path: &Path, source: object_store::Error) -> StoreError {
        StoreError::Place { what, name: self.name(path), source }
    }
}

/// The directory that a name means; none for a URL of another kind.
fn local(name: &str) -> Option<PathBuf> {
    match Url::parse(name) {
        Ok(url) if url.scheme() == "file" => url.to_file_path().ok(),
        Ok(_) if name.contains("://") => None,
        _ => Some(PathBuf::from(name)),
    }
}
