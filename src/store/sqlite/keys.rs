//! Idempotency keys: which run a key leads to, and whether it was made from the same body.

use jiff::SignedDuration;
use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::params;
use serde_json::Number;
use serde_json::Value;
use sha2::Digest;
use sha2::Sha256;

use super::super::IdempotencyKey;
use super::super::KeyScope;
use super::super::StoreError;
use super::super::Taken;
use super::row::RunRow;
use super::trouble::Trouble;

/// How long a key of scope [`KeyScope::Day`] leads to its run.
pub const KEY_TIME: SignedDuration = SignedDuration::from_hours(24);

/// A key and the hash of its body, worked out before the writer's time begins.
pub struct HashedKey {
    key: String,
    body: [u8; 32],
    scope: KeyScope,
}

impl HashedKey {
    /// The key with its body's hash; order and spacing of the body do not count.
    pub fn of(key: &IdempotencyKey) -> HashedKey {
        let mut hash = Sha256::new();
        feed(&mut hash, &key.body);
        HashedKey { key: key.key.clone(), body: hash.finalize().into(), scope: key.scope }
    }

    /// Whether it leads to its run only until that has ended.
    pub fn is_live(&self) -> bool {
        self.scope == KeyScope::WhileLive
    }

    /// The earlier run that the key leads to, and whether its body was the same.
    ///
    /// # Errors
    /// When the database fails.
    pub fn lookup(
        &self,
        connection: &Connection,
        now: Timestamp,
    ) -> Result<Option<(RunRow, Taken)>, Trouble> {
        let sql = "SELECT run, body, live, since, checksum FROM keys WHERE key = ?1";
        let mut statement = connection.prepare_cached(sql)?;
        let found = statement.query_row([&self.key], |row| {
            let (run, live, since) = (row.get(0)?, row.get(2)?, row.get(3)?);
            let body: [u8; 32] = row.get(1)?;
            let whole = row.get::<_, u32>(4)? == checksum(&self.key, run, &body, (live, since));
            Ok(whole.then_some((run, body, live, since)))
        });
        // A key that is not what was written is free: it must not lead to another run.
        let Some((id, body, live, since)) = found.optional()?.flatten() else { return Ok(None) };
        let row = match RunRow::by_id(connection, id) {
            Err(Trouble::Refused(StoreError::Missing)) => return Ok(None),
            found => found?,
        };
        let valid = match live {
            true => !row.facts.ended(),
            false => now.as_microsecond() - since < KEY_TIME.as_micros() as i64,
        };
        let run = row.run.clone();
        let taken = if body == self.body { Taken::Same(run) } else { Taken::Other(run) };
        Ok(valid.then_some((row, taken)))
    }

    /// Makes the key lead to this run.
    ///
    /// # Errors
    /// When the database fails.
    pub fn save(&self, connection: &Connection, id: i64, since: Timestamp) -> rusqlite::Result<()> {
        let (live, since) = (self.is_live(), since.as_microsecond());
        let sum = checksum(&self.key, id, &self.body, (live, since));
        let sql = "INSERT OR REPLACE INTO keys (key, run, body, live, since, checksum)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        connection.prepare_cached(sql)?.execute(params![self.key, id, self.body, live, since, sum])?;
        Ok(())
    }
}

fn checksum(key: &str, id: i64, body: &[u8], (live, since): (bool, i64)) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&id.to_be_bytes());
    sum.update(&since.to_be_bytes());
    sum.update(&[u8::from(live)]);
    sum.update(body);
    sum.update(key.as_bytes());
    sum.finalize()
}

/// Feeds a value so that equal values, and only those, are fed the same.
fn feed(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Null => hash.update(b"n"),
        Value::Bool(yes) => hash.update(if *yes { b"t" } else { b"f" }),
        Value::Number(number) => feed_text(hash, b'0', &plain(number)),
        Value::String(text) => feed_text(hash, b's', text),
        Value::Array(items) => {
            feed_length(hash, b'[', items.len());
            items.iter().for_each(|item| feed(hash, item));
        }
        Value::Object(map) => {
            feed_length(hash, b'{', map.len());
            let mut sorted: Vec<_> = map.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| *key);
            for (key, value) in sorted {
                feed_text(hash, b's', key);
                feed(hash, value);
            }
        }
    }
}

/// The number's text; the two zeros with a point are equal.
fn plain(number: &Number) -> String {
    let text = number.to_string();
    if text == "-0.0" { "0.0".into() } else { text }
}

fn feed_text(hash: &mut Sha256, kind: u8, text: &str) {
    feed_length(hash, kind, text.len());
    hash.update(text.as_bytes());
}

fn feed_length(hash: &mut Sha256, kind: u8, length: usize) {
    hash.update([kind]);
    hash.update((length as u64).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_values_and_only_those_have_one_hash() {
        let values = [
            json!(null),
            json!(1),
            json!(1.0),
            json!(-1),
            json!("1"),
            json!([1]),
            json!([[1], []]),
            json!([[1, []]]),
            json!({"a": 1, "b": [2]}),
            json!({"b": [2], "a": 1}),
            json!({"a": {"b": 1}}),
            json!(0.0),
            json!(-0.0),
            json!(0),
        ];
        let hash = |body: &Value| {
            HashedKey::of(&IdempotencyKey { key: "k".into(), body: body.clone(), scope: KeyScope::Day }).body
        };
        for a in &values {
            for b in &values {
                assert_eq!(hash(a) == hash(b), a == b, "{a} and {b}");
            }
        }
    }
}
