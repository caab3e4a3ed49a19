//! The one thread that writes: commits at once when idle, and otherwise what has queued meanwhile.
//!
//! Everybody who asked is answered after the commit. When a group is lost,
//! each of its pieces is tried alone, so that one run's trouble is not its
//! neighbours'.

use std::sync::Arc;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::StoreError;
use super::books::Books;
use super::trouble::Trouble;
use super::trouble::of_writing;
use crate::id::RunId;

/// Most events of one commit, so that nobody waits long for the others.
const GROUP: usize = 128;
/// Most pieces of work that wait; more of them wait at the door.
const PLACES: usize = 1024;
/// How often it is tried to write what waits in memory.
const RETRY: Duration = Duration::from_secs(1);

/// The way to the writer's thread; the thread ends with it, its work done.
pub struct Writer {
    jobs: Option<mpsc::Sender<Waiting>>,
    places: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
}

/// How a piece of work is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// With a sync: it outlives a power cut.
    Durable(usize),
    /// Without: it outlives the process, and costs no money to repeat.
    Light(usize),
    /// Nothing of it is written.
    InMemory,
}

/// A piece of work that waits for its turn.
trait Job: Send {
    fn kind(&self) -> Kind;
    /// Does it; an error is the whole transaction's.
    fn run(&mut self, books: &mut Books) -> rusqlite::Result<()>;
    /// Tells what became of it.
    fn answer(self: Box<Self>, lost: Option<StoreError>);
}

/// Any of them.
type Waiting = Box<dyn Job>;

struct Work<T, F> {
    kind: Kind,
    work: F,
    done: Option<Result<T, StoreError>>,
    reply: Option<oneshot::Sender<Result<T, StoreError>>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl<T, F> Job for Work<T, F>
where
    T: Send,
    F: FnMut(&mut Books) -> Result<T, Trouble> + Send,
{
    fn kind(&self) -> Kind {
        self.kind
    }

    fn run(&mut self, books: &mut Books) -> rusqlite::Result<()> {
        self.done = Some(match (self.work)(books) {
            Ok(done) => Ok(done),
            Err(Trouble::Refused(error)) => Err(error),
            Err(Trouble::Sql(error)) => return Err(error),
        });
        Ok(())
    }

    fn answer(self: Box<Self>, lost: Option<StoreError>) {
        let done = match lost {
            Some(error) => Err(error),
            None => self.done.unwrap_or_else(|| Err(stopped())),
        };
        if let Some(reply) = self.reply {
            // Who asked may have left.
            let _ = reply.send(done);
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Failed("its writer has stopped".into())
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(books: Books) -> std::io::Result<Writer> {
        let (jobs, waiting) = mpsc::channel();
        let thread = std::thread::Builder::new().name("store".into()).spawn(move || work(books, &waiting))?;
        Ok(Writer { jobs: Some(jobs), places: Arc::new(Semaphore::new(PLACES)), thread: Some(thread) })
    }

    /// Has a piece of work done, and returns when it is committed.
    ///
    /// # Errors
    /// What the work refused, or why it could not be committed: then nothing of it is there.
    pub async fn run<T, F>(&self, kind: Kind, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Books) -> Result<T, Trouble> + Send + 'static,
    {
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (reply, done) = oneshot::channel();
        self.send(Box::new(Work { kind, work, done: None, reply: Some(reply), _place: place }))?;
        done.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Has a piece of work done after everything that was asked before, when nobody can wait for it.
    pub fn leave<F>(&self, work: F)
    where
        F: FnMut(&mut Books) -> Result<(), Trouble> + Send + 'static,
    {
        let job = Work { kind: Kind::Durable(1), work, done: None, reply: None, _place: None };
        // Without a writer there is nothing left to do.
        let _ = self.send(Box::new(job));
    }

    fn send(&self, job: Waiting) -> Result<(), StoreError> {
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).map_err(|_| stopped())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn work(mut books: Books, jobs: &mpsc::Receiver<Waiting>) {
    let mut next = None;
    let mut tried = Instant::now();
    while let Some(first) = next.take().or_else(|| await_job(&mut books, jobs, &mut tried)) {
        if first.kind() == Kind::InMemory {
            in_memory(&mut books, first);
            continue;
        }
        let (group, left) = gather(first, jobs);
        next = left;
        let written = commit(&mut books, group);
        // Writing works again, or it has been a while.
        if !books.shared.spool.is_empty() && (written || tried.elapsed() >= RETRY) {
            mend(&mut books);
            tried = Instant::now();
        }
    }
    if !books.shared.is_well() {
        mend(&mut books);
    }
}

/// Waits for a piece of work, and tries from time to time to write what waits; `None` when nobody can ask any more.
fn await_job(books: &mut Books, jobs: &mpsc::Receiver<Waiting>, tried: &mut Instant) -> Option<Waiting> {
    loop {
        if books.shared.is_well() {
            return jobs.recv().ok();
        }
        match jobs.recv_timeout(RETRY.saturating_sub(tried.elapsed())) {
            Ok(job) => return Some(job),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {
                mend(books);
                *tried = Instant::now();
            }
        }
    }
}

/// What is there already and fits into one commit, and the first piece that does not belong to it.
fn gather(first: Waiting, jobs: &mpsc::Receiver<Waiting>) -> (Vec<Waiting>, Option<Waiting>) {
    let weight = |job: &dyn Job| match job.kind() {
        Kind::Durable(events) | Kind::Light(events) => events.max(1),
        Kind::InMemory => 0,
    };
    let mut total = weight(&*first);
    let mut group = vec![first];
    while total < GROUP
        && let Ok(job) = jobs.try_recv()
    {
        if job.kind() == Kind::InMemory {
            return (group, Some(job));
        }
        total += weight(&*job);
        group.push(job);
    }
    (group, None)
}

/// Commits a group, or as much of it as can be; whether all of it was.
fn commit(books: &mut Books, mut group: Vec<Waiting>) -> bool {
    let lost = together(books, &mut group).err();
    if group.len() == 1 || lost.is_none() {
        group.into_iter().for_each(|job| job.answer(lost.clone()));
        return lost.is_none();
    }
    for job in group {
        let mut alone = [job];
        let lost = together(books, &mut alone).err();
        let [job] = alone;
        job.answer(lost);
    }
    false
}

/// All of it in one transaction, or nothing.
fn together(books: &mut Books, group: &mut [Waiting]) -> Result<(), StoreError> {
    let syncs = group.iter().any(|job| matches!(job.kind(), Kind::Durable(_)));
    let done = books
        .begin(syncs)
        .and_then(|()| group.iter_mut().try_for_each(|job| job.run(books)))
        .and_then(|()| books.commit());
    conclude(books, done)
}

/// Undoes what was lost, and lets the store's health know.
fn conclude(books: &mut Books, done: rusqlite::Result<()>) -> Result<(), StoreError> {
    match done {
        Ok(()) => {
            if books.has_written() {
                books.shared.wrote();
            }
            Ok(())
        }
        Err(error) => {
            books.undo();
            books.shared.failed(&error);
            Err(of_writing(&error))
        }
    }
}

fn in_memory(books: &mut Books, mut job: Waiting) {
    let lost = job.run(books).err().map(|error| of_writing(&error));
    job.answer(lost);
}

/// Writes what waits in memory, run after run, as far as that goes; without any, finds out whether writing works.
fn mend(books: &mut Books) {
    let runs = books.shared.spool.runs();
    if runs.is_empty() {
        let done = books.begin(true).and_then(|()| books.probe()).and_then(|()| books.commit());
        let _ = conclude(books, done);
        return;
    }
    for run in runs {
        let done = books.begin(true).and_then(|()| flush(books, &run)).and_then(|()| books.commit());
        if conclude(books, done).is_err() {
            return;
        }
    }
}

fn flush(books: &mut Books, run: &RunId) -> rusqlite::Result<()> {
    match books.flush(run) {
        Err(Trouble::Sql(error)) => Err(error),
        Err(Trouble::Refused(error)) => {
            // Its row is damaged: there is no place to write to.
            tracing::error!(%run, %error, "what waited in memory could not be written");
            books.shared.spool.clear(run);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
