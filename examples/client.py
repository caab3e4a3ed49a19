"""Follows one run with nothing but Python's standard library.

    python3 examples/client.py "Foundation strip 45 m x 0.8 m x 0.6 m" [http://127.0.0.1:8787]

Comes back after a lost connection with Last-Event-ID: the server goes on where
the client stopped, and nothing is asked twice.
"""

import json
import sys
import time
import urllib.error
import urllib.request

RETRIES = 5


def events(response):
    """The events of a stream as (id, name, data); comments are skipped."""
    event_id, name, data = None, "message", []
    for raw in response:
        line = raw.decode("utf-8").rstrip("\n")
        if not line:
            if data:
                yield event_id, name, json.loads("\n".join(data))
            name, data = "message", []
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "id":
                event_id = value
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)


def follow(server, question):
    """Yields every event of one run, over as many connections as it takes."""
    url, cursor, left = f"{server}/ask-stream", None, RETRIES
    body = json.dumps({"question": question}).encode()
    while True:
        headers = {"accept": "text/event-stream", "content-type": "application/json"}
        if cursor:
            headers["last-event-id"] = cursor
        request = urllib.request.Request(url, data=body, headers=headers, method="POST")
        try:
            # Longer than the server is ever silent: it shows every 4 s that it lives.
            with urllib.request.urlopen(request, timeout=15) as response:
                for cursor, name, data in events(response):
                    left = RETRIES
                    yield name, data
                    if name == "final_result":
                        return
        except urllib.error.HTTPError as error:
            sys.exit(f"{error.code}: {error.read().decode()}")
        except OSError as error:
            if not cursor or left == 0:
                sys.exit(f"cannot reach {server}: {error}")
        left -= 1
        time.sleep(2)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    server = sys.argv[2].rstrip("/") if len(sys.argv) > 2 else "http://127.0.0.1:8787"
    for name, data in follow(server, sys.argv[1]):
        if name == "query_started":
            print(f"{data['query']}: asking {data['provider']}/{data['model']}")
        elif name == "query_completed":
            print(f"{data['query']}: {data['status']} after {data['time_ms']} ms")
        elif name == "final_result":
            print(json.dumps(data, indent=2, ensure_ascii=False))
            sys.exit(0 if data["status"] == "completed" else 1)


main()
