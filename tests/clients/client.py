"""One Python library follows one run, and says each event as a line of JSON; called by tests/clients/run.mjs.

    client.py LIBRARY URL WHEN [LAST-EVENT-ID]

WHEN is "end": it reads until the library ends by itself, or "final": it leaves at `final_result`.
Lines: {"open": true} where the library tells, {"event": [id, type, data]}, {"end": WHY}.
"""

import asyncio
import json
import sys

import aiosseclient
import httpx
import httpx_sse
import requests
import requests_sse
import sseclient


def say(**line):
    print(json.dumps(line), flush=True)


def cursor(last):
    return {"last-event-id": last} if last else {}


def by_httpx_sse(url, last):
    # Nothing is set: a silence of 5 s is a ReadTimeout.
    with httpx.Client() as client:
        with httpx_sse.connect_sse(client, "GET", url, headers=cursor(last)) as source:
            for event in source.iter_sse():
                yield event.id, event.event, event.data


def by_sseclient(url, last):
    headers = {"accept": "text/event-stream", **cursor(last)}
    # requests waits for ever unless told; told what httpx takes for granted.
    with requests.get(url, headers=headers, stream=True, timeout=5) as response:
        for event in sseclient.SSEClient(response).events():
            yield event.id, event.event, event.data


def by_requests_sse(url, last):
    with requests_sse.EventSource(url, timeout=5, on_open=lambda: say(open=True), latest_event_id=last) as source:
        for event in source:
            yield event.last_event_id, event.type, event.data


def by_aiosseclient(url, last):
    async def gather():
        async for event in aiosseclient.aiosseclient(url, last_id=last, raise_for_status=True):
            yield event.id, event.event, event.data

    events, loop = gather(), asyncio.new_event_loop()
    try:
        while True:
            yield loop.run_until_complete(anext(events))
    except StopAsyncIteration:
        return


LIBRARIES = {
    "httpx-sse": by_httpx_sse,
    "sseclient-py": by_sseclient,
    "requests-sse": by_requests_sse,
    "aiosseclient": by_aiosseclient,
}


def follow(library, url, when, last=None):
    try:
        for event in LIBRARIES[library](url, last):
            say(event=event)
            if when == "final" and event[1] == "final_result":
                return "left"
        return "the stream ended"
    except requests_sse.InvalidStatusCodeError as error:
        return f"status {error.status_code}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


say(end=follow(*sys.argv[1:]))
