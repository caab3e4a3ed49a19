//! One reply being read: pieces in, chunks out, an end or a failure last.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::Reply;
use super::asking::Asking;
use super::reading::Reading;
use super::vendor::Vendor;
use crate::failure::Failure;
use crate::provider::Chunk;

/// One reply being read.
pub(super) struct Answering<V: Vendor> {
    asking: Asking<V>,
    reply: Reply,
    reading: Reading<V::Dialect>,
    ready: VecDeque<Result<Chunk, Failure>>,
    /// When to stop waiting for an end mark that may never come.
    grace: Option<Instant>,
    is_over: bool,
}

impl<V: Vendor> Answering<V> {
    /// How long counts and the end mark may follow the last word.
    const GRACE: Duration = Duration::from_secs(2);

    pub(super) fn new(asking: Asking<V>, reply: Reply) -> Answering<V> {
        let (reading, ready) = (Reading::default(), VecDeque::new());
        Answering { asking, reply, reading, ready, grace: None, is_over: false }
    }

    /// The next chunk; none after the end or a failure.
    pub(super) async fn next(&mut self) -> Option<Result<Chunk, Failure>> {
        while self.ready.is_empty() && !self.is_over {
            let piece = self.piece().await;
            self.take(piece);
        }
        self.ready.pop_front()
    }

    /// The next piece of the body; none at its end or when waiting makes no sense any more.
    async fn piece(&mut self) -> Result<Option<Bytes>, Failure> {
        let Some(grace) = self.grace else {
            return self.reply.chunk().await;
        };
        match tokio::time::timeout_at(grace, self.reply.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            // The answer is whole; how the connection ends does not matter.
            Ok(Err(_)) | Err(_) => Ok(None),
        }
    }

    fn take(&mut self, piece: Result<Option<Bytes>, Failure>) {
        let read = match piece {
            Ok(Some(bytes)) => self.reading.push(&bytes).map(|()| self.is_over = self.reading.is_done()),
            Ok(None) => {
                self.is_over = true;
                Ok(())
            }
            Err(failure) => return self.fail(self.asking.mark(failure)),
        };
        let end = match read {
            Ok(()) if self.is_over => self.reading.end().map(Some),
            Ok(()) => Ok(None),
            Err(trouble) => Err(trouble),
        };
        let chunks = self.reading.take_chunks();
        if chunks.iter().any(|chunk| matches!(chunk, Chunk::Text(_))) {
            // Some name a reason with every piece: the model is not done while it writes.
            self.grace = None;
        }
        self.ready.extend(chunks.into_iter().map(Ok));
        if self.ready.is_empty() && !self.is_over && end.is_ok() {
            self.ready.push_back(Ok(Chunk::Alive));
        }
        match end {
            Ok(Some(finish)) => {
                self.ready.extend(self.reading.strange().map(|strange| Ok(Chunk::Strange(strange))));
                self.ready.extend(self.reading.take_usage().map(|usage| Ok(Chunk::Usage(usage))));
                self.ready.push_back(Ok(Chunk::End(finish)));
            }
            Ok(None) if self.reading.is_finished() => {
                self.grace.get_or_insert_with(|| Instant::now() + Self::GRACE);
            }
            Ok(None) => {}
            Err(trouble) => self.fail(self.asking.trouble(trouble)),
        }
    }

    /// The failure last; what was counted before it is still owed.
    fn fail(&mut self, failure: Failure) {
        self.is_over = true;
        self.ready.extend(self.reading.take_usage().map(|usage| Ok(Chunk::Usage(usage))));
        self.ready.push_back(Err(failure));
    }
}
