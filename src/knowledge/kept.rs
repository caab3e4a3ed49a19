//! The index as a server uses it: a folder of its configuration that it keeps in, and how both are.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use super::Added;
use super::Index;
use super::Refused;
use super::Trouble;
use crate::event::Passage;

/// An index, the folder that is kept in it, and what is wrong with them. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    index: Index,
    folder: Option<PathBuf>,
    state: Arc<Mutex<Standing>>,
}

#[derive(Debug, Default)]
struct Standing {
    reading: bool,
    /// Why the folder could not be read.
    folder: Option<String>,
    /// Why the last search failed.
    search: Option<Trouble>,
}

/// How the documents are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// They can be searched.
    Good,
    /// The folder is being read; until then the index is as it was.
    Reading,
    /// What is wrong, in a sentence without paths.
    Failed(String),
}

impl Knowledge {
    /// The index of this data directory, with this folder kept in it.
    pub fn new(data_dir: &Path, folder: Option<PathBuf>) -> Knowledge {
        let reading = folder.is_some();
        let standing = Standing { reading, ..Standing::default() };
        Knowledge { index: Index::within(data_dir), folder, state: Arc::new(Mutex::new(standing)) }
    }

    /// Has the index hold what the folder holds now; may take as long as reading it all. Otherwise looks
    /// whether an index that is there can be read.
    pub fn refresh(&self) {
        let Some(folder) = &self.folder else {
            let looked = self.index.folders().err();
            self.standing().search = looked.filter(|trouble| *trouble != Trouble::NoIndex);
            return;
        };
        let added = self.index.add(folder);
        match &added {
            Ok(added) => log(folder, added),
            Err(why) => {
                tracing::warn!(folder = %folder.display(), %why, "the documents could not be indexed")
            }
        }
        let mut standing = self.standing();
        standing.reading = false;
        (standing.folder, standing.search) = match added {
            Ok(_) => (None, None),
            Err(Refused::Folder(why)) => {
                (Some(format!("the documents of [knowledge] dir were not read: {why}")), None)
            }
            Err(Refused::Index(trouble)) => (None, Some(trouble)),
        };
    }

    /// The passages that fit the question best, and what a person should know of the search.
    pub async fn find(&self, question: &str, top: usize) -> (Option<Vec<Passage>>, Option<String>) {
        let found = match self.index.search(question, top).await {
            // Nobody has added any: nothing is wrong, and nothing is found.
            Err(Trouble::NoIndex) if self.folder.is_none() => Ok(Vec::new()),
            found => found,
        };
        let mut standing = self.standing();
        standing.search = found.as_ref().err().cloned();
        (found.ok(), standing.trouble())
    }

    /// How the documents are; `None` where there are none and nobody has looked for any.
    pub fn state(&self) -> Option<State> {
        let standing = self.standing();
        match standing.trouble() {
            Some(why) => Some(State::Failed(why)),
            None if standing.reading => Some(State::Reading),
            None => (self.folder.is_some() || self.index.path().exists()).then_some(State::Good),
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    fn trouble(&self) -> Option<String> {
        match (&self.search, &self.folder) {
            (Some(Trouble::NoIndex), _) if self.reading => Some("the documents are still being read".into()),
            (Some(Trouble::NoIndex), Some(why)) => Some(why.clone()),
            (Some(trouble), _) => Some(trouble.to_string()),
            (None, why) => why.clone(),
        }
    }
}

fn log(folder: &Path, added: &Added) {
    let Added { files, passages, new, changed, gone, skipped } = added;
    let folder = folder.display();
    let lost = skipped.iter().filter(|skipped| skipped.why.is_loss()).count();
    tracing::info!(%folder, files, passages, new, changed, gone, skipped = skipped.len(), "read the documents");
    if lost > 0 {
        tracing::warn!(%folder, lost, "some documents could not be read; askstream knowledge add names them");
    }
}
