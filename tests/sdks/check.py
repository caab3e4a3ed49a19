"""The fault lab as seen by the libraries openai, anthropic and google-genai; called by scripts/lab-sdks."""

import json
import sys

import anthropic
import openai
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

URL = sys.argv[1]
TEXT = "Is the slab safe? Příčka 漢字 😀"
ECHO = f"user: {TEXT}"
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def same(found, expected):
    assert found == expected, f"{found!r} instead of {expected!r}"


def valid(value):
    """The value as the library's own types want it: they are lenient when they read an answer."""
    type(value).model_validate(value.to_dict() if hasattr(value, "to_dict") else value.model_dump())
    return value


def raises(kind, function, status=None):
    try:
        function()
    except kind as error:
        if status is not None:
            same(getattr(error, "status_code", None) or getattr(error, "code", None), status)
        return error
    raise AssertionError(f"no {kind.__name__}")


# openai

ai = openai.OpenAI(base_url=f"{URL}/v1", api_key="sk-lab", max_retries=0, timeout=20)


def chat(model, **more):
    return ai.chat.completions.create(model=model, messages=[{"role": "user", "content": TEXT}], **more)


def chat_stream(model, **more):
    chunks = [valid(chunk) for chunk in chat(model, stream=True, stream_options={"include_usage": True}, **more)]
    choices = [choice for chunk in chunks for choice in chunk.choices]
    text = "".join(choice.delta.content or "" for choice in choices)
    reason = [choice.finish_reason for choice in choices if choice.finish_reason]
    return chunks, text, reason


@check
def openai_whole():
    answer = valid(chat("echo"))
    same(answer.choices[0].message.content, ECHO)
    same(answer.choices[0].finish_reason, "stop")
    same(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)


@check
def openai_stream():
    chunks, text, reason = chat_stream("echo")
    same((text, reason), (ECHO, ["stop"]))
    same(chunks[0].choices[0].delta.role, "assistant")
    assert chunks[-1].usage.completion_tokens > 0 and chunks[-1].choices == []
    same(len({chunk.id for chunk in chunks}), 1)


@check
def openai_stream_helper():
    with ai.chat.completions.stream(model="echo", messages=[{"role": "user", "content": TEXT}]) as stream:
        for _ in stream:
            pass
        same(stream.get_final_completion().choices[0].message.content, ECHO)


@check
def openai_timing():
    same(len([c for c in chat_stream("first-20-total-60-tokens-7")[0] if c.choices and c.choices[0].delta.content]), 7)


@check
def openai_audit():
    for temperature, key in ((0.3, "project_summary"), (0.2, "compliance_status")):
        assert key in json.loads(chat("audit", temperature=temperature).choices[0].message.content)
        assert key in json.loads(chat_stream("audit", temperature=temperature)[1])


@check
def openai_reasoning():
    chunks, text, _ = chat_stream("u24-reasoning-tokens-3-every-1")
    assert text and sum(bool(getattr(c.choices[0].delta, "reasoning_content", None)) for c in chunks if c.choices) == 3


@check
def openai_finishes():
    same(chat("u52-length").choices[0].finish_reason, "length")
    same(chat_stream("u52-length")[2], ["length"])
    same(chat_stream("u53-content-filter")[2], ["content_filter"])
    assert valid(chat("u53-refusal")).choices[0].message.refusal
    assert "".join(c.choices[0].delta.refusal or "" for c in chat_stream("u53-refusal")[0] if c.choices)
    assert valid(chat("u40-tool-call")).choices[0].message.tool_calls[0].function.name


@check
def openai_lenient_streams():
    whole = chat_stream("u16-103-early-hints")[1]
    for model in ("u35-crlf", "u35-no-space", "u35-comments", "u35-fields", "u35-multi-line", "u36-split-utf8"):
        same(chat_stream(model)[1], whole)


@check
def openai_errors():
    for model, kind, status in (
        ("u55-400", openai.BadRequestError, 400),
        ("u58-401", openai.AuthenticationError, 401),
        ("u58-403", openai.PermissionDeniedError, 403),
        ("u60-404", openai.NotFoundError, 404),
        ("u61-409", openai.ConflictError, 409),
        ("u55-422", openai.UnprocessableEntityError, 422),
        ("u66-429", openai.RateLimitError, 429),
        ("u69-503", openai.InternalServerError, 503),
        ("gpt-5-mini", openai.NotFoundError, 404),
    ):
        raises(kind, lambda: chat(model), status)
        raises(kind, lambda: chat(model, stream=True), status)
    same(raises(openai.BadRequestError, lambda: chat("u56-context")).code, "context_length_exceeded")
    for model in ("u32-error-mid", "u34-429-mid"):
        raises(openai.APIError, lambda: chat_stream(model))
    raises(openai.APIConnectionError, lambda: chat("u10-reset"))


@check
def openai_retries():
    again = ai.with_options(max_retries=1)
    ask = lambda model: again.chat.completions.create(model=model, messages=[{"role": "user", "content": TEXT}])
    assert ask("u68-500-once#openai").choices and ask("u63-retry-after-ms-retry-0#openai").choices


@check
def openai_models():
    names = [valid(model).id for model in ai.models.list()]
    assert "echo" in names and "u21-stall" in names and "u1" not in names


# anthropic

claude = anthropic.Anthropic(base_url=URL, api_key="sk-lab", max_retries=0, timeout=20)


def message(model, **more):
    call = dict(model=model, max_tokens=100, messages=[{"role": "user", "content": TEXT}])
    return claude.messages.create(**call, **more)


def message_stream(model, **more):
    call = dict(model=model, max_tokens=100, messages=[{"role": "user", "content": TEXT}])
    with claude.messages.stream(**call, **more) as stream:
        for _ in stream:
            pass
        return valid(stream.get_final_message())


def said(answer):
    return "".join(block.text for block in answer.content if block.type == "text")


@check
def anthropic_whole():
    answer = valid(message("echo"))
    same((said(answer), answer.stop_reason, answer.role), (ECHO, "end_turn", "assistant"))
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0


@check
def anthropic_stream():
    answer = message_stream("echo", system="Be brief.")
    same((said(answer), answer.stop_reason), (f"system: Be brief.\n\n{ECHO}", "end_turn"))
    assert answer.usage.output_tokens > 1


@check
def anthropic_raw_stream():
    kinds = [valid(event).type for event in message("echo", stream=True)]
    same((kinds[0], kinds[-2:]), ("message_start", ["message_delta", "message_stop"]))


@check
def anthropic_thinking():
    answer = message_stream("u24-reasoning-tokens-3-every-1")
    same([block.type for block in answer.content], ["thinking", "text"])
    same([block.type for block in valid(message("u24-reasoning-tokens-3-every-1")).content], ["thinking", "text"])


@check
def anthropic_finishes():
    for ask in (message, message_stream):
        same(ask("u52-length").stop_reason, "max_tokens")
        same(ask("u53-refusal").stop_reason, "refusal")
    same(message_stream("u40-tool-call").content[0].type, "tool_use")


@check
def anthropic_audit():
    assert "compliance_status" in json.loads(said(message("audit", extra_body={"temperature": 0.2})))
    assert "project_summary" in json.loads(said(message_stream("audit", extra_body={"temperature": 0.3})))


@check
def anthropic_errors():
    for model, kind, status in (
        ("u55-400", anthropic.BadRequestError, 400),
        ("u58-401", anthropic.AuthenticationError, 401),
        ("u60-404", anthropic.NotFoundError, 404),
        ("u66-429", anthropic.RateLimitError, 429),
        ("u69-529", anthropic.InternalServerError, 529),
    ):
        error = raises(kind, lambda: message(model), status)
        same(error.body["type"], "error")
        raises(kind, lambda: message_stream(model), status)
    for model in ("u32-error", "u32-error-mid", "u34-429-mid"):
        raises(anthropic.APIStatusError, lambda: message_stream(model))


@check
def anthropic_models():
    assert "echo" in [valid(model).id for model in claude.models.list()]


# google-genai

gemini = genai.Client(api_key="lab", http_options=genai_types.HttpOptions(base_url=URL, timeout=20_000))


def generate(model, **config):
    return gemini.models.generate_content(model=model, contents=TEXT, config=config or None)


def generate_stream(model, **config):
    return list(gemini.models.generate_content_stream(model=model, contents=TEXT, config=config or None))


def joined(pieces):
    return "".join(piece.text or "" for piece in pieces)


@check
def gemini_whole():
    answer = generate("echo")
    same((answer.text, answer.candidates[0].finish_reason.name), (ECHO, "STOP"))
    usage = answer.usage_metadata
    same(usage.total_token_count, usage.prompt_token_count + usage.candidates_token_count)


@check
def gemini_stream():
    pieces = generate_stream("echo", system_instruction="Be brief.")
    same(joined(pieces), f"system: Be brief.\n\n{ECHO}")
    same(pieces[-1].candidates[0].finish_reason.name, "STOP")
    assert len(pieces) > 5 and pieces[-1].usage_metadata.candidates_token_count > 0
    same(len({piece.response_id for piece in pieces}), 1)


@check
def gemini_thinking():
    parts = generate("u24-reasoning-tokens-3-every-1").candidates[0].content.parts
    same([bool(part.thought) for part in parts], [True, False])
    pieces = generate_stream("u24-reasoning-tokens-3-every-1")
    same(sum(bool(part.thought) for piece in pieces for part in piece.candidates[0].content.parts), 3)


@check
def gemini_finishes():
    same(generate("u52-length").candidates[0].finish_reason.name, "MAX_TOKENS")
    same(generate_stream("u53-content-filter")[-1].candidates[0].finish_reason.name, "SAFETY")
    same(generate("u53-refusal").prompt_feedback.block_reason.name, "PROHIBITED_CONTENT")
    assert generate("u40-tool-call").function_calls[0].name


@check
def gemini_audit():
    assert "compliance_status" in json.loads(generate("audit", temperature=0.2).text)
    assert "project_summary" in json.loads(joined(generate_stream("audit", temperature=0.3)))


@check
def gemini_errors():
    for model, kind, status in (
        ("u55-400", genai_errors.ClientError, 400),
        ("u66-429", genai_errors.ClientError, 429),
        ("u70-501", genai_errors.ServerError, 501),
    ):
        raises(kind, lambda: generate(model), status)
        raises(kind, lambda: generate_stream(model), status)


@check
def gemini_models():
    assert "models/echo" in [model.name for model in gemini.models.list()]


for function in CHECKS:
    name = function.__name__.replace("_", " ")
    try:
        function()
        print(f"ok python {name}", flush=True)
    except Exception as error:
        print(f"FAILED python {name}: {type(error).__name__}: {error}", flush=True)
print(f"-- python: openai {openai.__version__}, anthropic {anthropic.__version__}, google-genai {genai.__version__}")
