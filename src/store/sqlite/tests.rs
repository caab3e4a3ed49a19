use super::super::conformance;
use super::*;

/// A directory that is gone with the test.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new() -> Dir {
        Dir(std::env::temp_dir().join(format!("askstream-store-{:016x}", rand::random::<u64>())))
    }

    pub fn open(&self) -> Sqlite {
        Sqlite::open(&self.0, Keep::default(), OnCorrupt::Salvage).unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_what_every_store_keeps() {
    let dirs = Mutex::new(Vec::new());
    let fresh = || {
        let dir = Dir::new();
        let store = Arc::new(dir.open());
        dirs.lock().unwrap().push(dir);
        store
    };
    let restarted = |store: Arc<Sqlite>| {
        let dir = store.shared.path.parent().unwrap().to_owned();
        drop(Arc::into_inner(store).expect("nobody else has it"));
        Arc::new(Sqlite::open(&dir, Keep::default(), OnCorrupt::Salvage).unwrap())
    };
    conformance::check(fresh, restarted).await;
}

mod damage;
mod retention;
mod writing;
