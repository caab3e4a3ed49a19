// The names that an EventSource has to be told, one by one.

/** Every event of a stream; `message` and an `error` with data would be phantoms. */
export const NAMES = [
  'run_started',
  'checks_completed',
  'passages_found',
  'query_started',
  'query_progress',
  'query_delta',
  'query_retrying',
  'query_completed',
  'run_warning',
  'run_paused',
  'run_resumed',
  'final_result',
  'heartbeat',
  'stream_gap',
  'stream_closing',
  'message',
]
