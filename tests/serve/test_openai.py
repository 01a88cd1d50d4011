"""OpenAI's own client against the server, and what of its requests cannot be honoured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fakes import FakeEngine
from serve.running import Running, running

from shelftalker.recipe.recipe import Recipe
from shelftalker.serve.app import create_app
from shelftalker.serve.options import Options
from shelftalker.writing.writer import Writer

openai = pytest.importorskip("openai")
pytest.importorskip("uvicorn", reason="the extra [serve] is not installed")

RECIPE = Recipe().with_flags(decoding={"max_new_tokens": 40})
TEXT = "The Oak chair weighs 90 kg."


@pytest.fixture
def writer() -> Writer:
    return Writer(FakeEngine("artifacts/fake_best", RECIPE), RECIPE)


@pytest.fixture
def server(writer: Writer) -> Iterator[Running]:
    with running(create_app("fake", RECIPE, writer=writer, options=Options(api_key="secret-key"))) as server:
        yield server


@pytest.fixture
def client(server: Running) -> Iterator[Any]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="secret-key", max_retries=0) as client:
        yield client


def test_a_prompt_is_a_title_and_its_choice_the_description(client: Any) -> None:
    [model] = client.models.list().data
    assert client.models.retrieve(model.id).id == model.id == "artifacts/fake_best"
    answer = client.completions.create(model=model.id, prompt="Oak chair")
    [choice] = answer.choices
    assert (choice.text, choice.finish_reason) == (TEXT, "stop")
    assert answer.usage.completion_tokens == 7
    assert answer.usage.prompt_tokens == len(RECIPE.prompt.replace("{title}", "Oak chair").split())
    # What the checks found comes along.
    assert not choice.shelftalker["publishable"]
    assert "90" in choice.shelftalker["findings"][0]["text"]


def test_a_list_of_prompts_is_a_title_each(client: Any) -> None:
    answer = client.completions.create(model="artifacts/fake_best", prompt=["Oak chair", "Blue scarf"])
    assert [(one.index, one.text[:14]) for one in answer.choices] == [(0, "The Oak chair "), (1, "The Blue scarf")]


def test_the_last_user_message_is_a_title(client: Any) -> None:
    turns = [
        {"role": "user", "content": "Blue scarf"},
        {"role": "assistant", "content": "A scarf."},
        {"role": "user", "content": [{"type": "text", "text": "Oak chair"}]},
    ]
    answer = client.chat.completions.create(model="artifacts/fake_best", messages=turns)
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"


def test_a_stream_brings_the_whole_text_its_end_and_its_usage(client: Any) -> None:
    chunks = list(
        client.chat.completions.create(
            model="artifacts/fake_best",
            messages=[{"role": "user", "content": "Oak chair"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == TEXT
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices] == [None, "stop"]
    assert chunks[-1].usage.completion_tokens == 7
    texts = client.completions.create(model="artifacts/fake_best", prompt=["Oak chair", "Mug"], stream=True)
    assert [chunk.choices[0].text for chunk in texts] == [TEXT, "The Mug weighs 90 kg."]


def test_what_openai_calls_otherwise_becomes_decoding(client: Any, writer: Writer) -> None:
    ask = {"model": "artifacts/fake_best", "prompt": "Oak chair"}
    twice = client.completions.create(**ask, max_tokens=5, temperature=0.7, top_p=0.9, seed=11, n=2)
    once = client.completions.create(**ask)
    assert len(twice.choices) == 2
    assert twice.usage.prompt_tokens == once.usage.prompt_tokens
    assert twice.usage.completion_tokens == 2 * once.usage.completion_tokens
    client.completions.create(**ask, temperature=0, top_p=0.5, seed=3)
    client.completions.create(**ask, extra_body={"decoding": {"beams": 4}})
    drawn = [decoding for _, decoding in writer.engine.calls]
    assert [(one.sample, one.temperature, one.top_p, one.max_new_tokens) for one in drawn[:2]] == [
        (True, 0.7, 0.9, 5)
    ] * 2
    assert sorted(one.seed for one in drawn[:2]) == [11, 12]
    assert drawn[2] == drawn[3] == RECIPE.decoding
    assert drawn[4].beams == 4


def test_length_and_stop_are_said_as_the_reason(client: Any) -> None:
    ask = {"model": "artifacts/fake_best", "prompt": "Oak chair"}
    assert client.completions.create(**ask, max_tokens=5).choices[0].finish_reason == "length"
    [cut] = client.completions.create(**ask, stop=[" weighs", "chair weighs"]).choices
    assert cut.text == "The Oak"
    assert not any("90" in finding["text"] for finding in cut.shelftalker["findings"])


def test_columns_enter_the_prompt() -> None:
    recipe = Recipe(prompt="Brand: {brand}\nTitle: {title}\n")
    writer = Writer(FakeEngine("fake", recipe), recipe)
    with (
        running(create_app("fake", recipe, writer=writer)) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client,
    ):
        client.completions.create(model="fake", prompt="Oak chair", extra_body={"columns": {"brand": "Holm"}})
    assert writer.engine.calls[0][0] == ["Brand: Holm\nTitle: Oak chair\n"]


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"n": 2}, "n"),
        ({"n": 2, "temperature": 0}, "n"),
        ({"top_p": 0.5}, "top_p"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 100_000}, "decoding.max_new_tokens"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"logprobs": 3}, "logprobs"),
        ({"echo": True}, "echo"),
        ({"extra_body": {"colour": "red"}}, "colour"),
        ({"prompt": ""}, "prompt.0"),
        ({"prompt": " \n"}, "title"),
        ({"prompt": [1, 2, 3]}, "prompt"),
        ({"prompt": ["x"] * 65}, "prompt"),
        ({"prompt": ["x"] * 40, "n": 2, "temperature": 1}, "n"),
    ],
)
def test_what_cannot_be_honoured_is_openais_bad_request(
    client: Any, writer: Writer, asked: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(**{"model": "artifacts/fake_best", "prompt": "Oak chair", **asked})
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"
    assert caught.value.body["message"]
    assert writer.engine.calls == []


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Oak chair"}],
        [{"role": "user", "content": "Oak chair"}, {"role": "assistant", "content": "A chair."}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}],
        [{"role": "user", "content": ""}],
        [],
    ],
)
def test_a_chat_that_is_not_a_title_is_refused(client: Any, writer: Writer, messages: list[Any]) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="artifacts/fake_best", messages=messages)
    assert caught.value.param.startswith("messages")
    assert writer.engine.calls == []


def test_values_that_ask_for_nothing_are_taken(client: Any) -> None:
    answer = client.chat.completions.create(
        model="artifacts/fake_best",
        messages=[{"role": "user", "content": "Oak chair"}],
        frequency_penalty=0,
        presence_penalty=0.0,
        logprobs=False,
        n=1,
        response_format={"type": "text"},
        user="someone",
        temperature=0,
        top_p=1,
        max_completion_tokens=40,
    )
    assert answer.choices[0].message.content == TEXT


def test_another_model_and_a_wrong_key_have_openais_own_errors(client: Any, server: Running) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.completions.create(model="gpt-4o", prompt="Oak chair")
    assert caught.value.code == "model_not_found"
    for key in ("wrong-key", "secret-kez", "secret-key2"):
        with (
            openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0) as stranger,
            pytest.raises(openai.AuthenticationError) as refused,
        ):
            stranger.models.list()
        assert refused.value.code == "invalid_api_key"
