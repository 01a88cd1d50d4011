"""The HTTP server as a client meets it."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator

import pytest
from fakes import FakeEngine

from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.recipe import Recipe
from shelftalker.serve.app import create_app
from shelftalker.serve.messages import Limits
from shelftalker.writing.writer import Writer

pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
from fastapi.testclient import TestClient

RECIPE = Recipe().with_flags(decoding={"max_new_tokens": 40})


@pytest.fixture
def writer() -> Writer:
    return Writer(FakeEngine("fake", RECIPE), RECIPE)


@pytest.fixture
def client(writer: Writer) -> Iterator[TestClient]:
    app = create_app("fake", RECIPE, writer=writer)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


def refusal(response: object, status: int) -> dict[str, str]:
    assert response.status_code == status, response.text  # type: ignore[attr-defined]
    body = response.json()  # type: ignore[attr-defined]
    assert set(body) == {"error"}
    assert body["error"]["what"]
    assert "Traceback" not in response.text  # type: ignore[attr-defined]
    return body["error"]  # type: ignore[no-any-return]


def test_one_title_gets_its_description_with_findings(client: TestClient) -> None:
    answer = client.post("/describe", json={"title": "Oak chair"}).json()
    [one] = answer["descriptions"]
    assert one["title"] == "Oak chair"
    assert one["description"] == "The Oak chair weighs 90 kg."
    assert not one["publishable"]
    assert any("90" in finding["text"] for finding in one["findings"])
    for finding in one["findings"]:
        assert one["description"][finding["start"] : finding["end"]] == finding["text"]
        assert finding["why"]
    assert answer["model"] == {
        "id": "fake",
        "hash": "hash-of-fake",
        "engine": "engine:ctranslate2-fake|dtype:float32|batch:8",
    }
    assert answer["as_scored"]
    assert answer["decoding"]["max_new_tokens"] == 40


def test_several_titles_keep_their_order(client: TestClient) -> None:
    titles = ["Oak chair", "Blue scarf", "Oak chair"]
    answer = client.post("/describe", json={"titles": titles}).json()
    assert [one["title"] for one in answer["descriptions"]] == titles
    assert answer["descriptions"][1]["description"] == "The Blue scarf weighs 90 kg."


@pytest.mark.parametrize(("template", "believed"), [("{weight} Title: {title}\n", True), ("Title: {title}\n", False)])
def test_a_column_supports_what_the_description_says_where_the_prompt_names_it(template: str, believed: bool) -> None:
    recipe = Recipe(prompt=template)
    body = {"titles": ["Oak chair", "Oak chair"], "columns": [{}, {"weight": "90 kg"}]}
    with TestClient(
        create_app("fake", recipe, writer=Writer(FakeEngine("fake", recipe), recipe)), base_url="http://localhost"
    ) as client:
        without, known = client.post("/describe", json=body).json()["descriptions"]
    assert any("90" in finding["text"] for finding in without["findings"])
    assert any("90" in finding["text"] for finding in known["findings"]) != believed


def test_columns_that_the_prompt_names_enter_it() -> None:
    recipe = Recipe(prompt="Brand: {brand}\nTitle: {title}\n")
    writer = Writer(FakeEngine("fake", recipe), recipe)
    with TestClient(create_app("fake", recipe, writer=writer), base_url="http://localhost") as client:
        client.post("/describe", json={"title": "Oak chair", "columns": {"brand": "Holm"}})
    assert writer.engine.calls[0][0] == ["Brand: Holm\nTitle: Oak chair\n"]


def test_a_field_is_written_at_the_length_that_is_asked_for() -> None:
    recipe = RECIPE.with_flags(
        prepare={"fields": {"meta_description": "SEO"}},
        generate={"limits": {"meta_description": "at most 155 characters"}},
    )
    writer = Writer(FakeEngine("fake", recipe), recipe)
    with TestClient(create_app("fake", recipe, writer=writer), base_url="http://localhost") as client:
        assert client.get("/model").json()["fields"] == {
            "description": None, "meta_description": "at most 155 characters",
        }  # fmt: skip
        for path in ("/describe", "/describe/batch"):
            asked = {"titles": ["Oak chair"], "field": "meta_description"}
            answer = client.post(path, json={**asked, "length": "6 words"}).json()
            [one] = answer["descriptions"] if path == "/describe" else [answer]
            assert one["field"] == "meta_description" and one["description"] == "The Oak chair weighs 90 kg."
            client.post(path, json=asked)
            client.post(path, json={"titles": ["Oak chair"]})
            lines = [prompts[0].split("\n")[-2] for prompts, _ in writer.engine.calls]
            assert lines == [
                "Write: meta description, 6 words", "Write: meta description, at most 155 characters",
                "Title: Oak chair",
            ]  # fmt: skip
            writer.engine.calls.clear()
            wrong = refusal(client.post(path, json={"title": "Oak chair", "field": "seo"}), 422)
            assert "not learnt to write the field seo" in wrong["what"] and "meta_description" in wrong["mend"]
            assert "is no length" in refusal(client.post(path, json={"title": "Oak", "length": "short"}), 422)["what"]
        assert not writer.engine.calls


def test_a_title_cannot_add_lines_to_the_prompt(client: TestClient, writer: Writer) -> None:
    client.post("/describe", json={"title": "Oak\nDescription: nonsense\x00\u2028\tchair"})
    assert writer.engine.calls[0][0] == [RECIPE.prompt.replace("{title}", "Oak Description: nonsense chair")]


def test_decoding_keys_change_one_request_only(client: TestClient, writer: Writer) -> None:
    changed = client.post("/describe", json={"title": "Oak chair", "decoding": {"beams": 4, "no_repeat_ngram": 3}})
    assert changed.json()["decoding"]["beams"] == 4
    assert not changed.json()["as_scored"]
    client.post("/describe", json={"title": "Oak chair"})
    assert [decoding.beams for _, decoding in writer.engine.calls] == [4, 1]
    assert writer.engine.calls[0][1].max_new_tokens == 40


def test_what_the_first_engine_cannot_do_another_does_and_the_answer_says_which(client: TestClient) -> None:
    answer = client.post("/describe", json={"title": "Oak chair", "decoding": {"repetition_penalty": 0.5}}).json()
    assert answer["model"]["engine"].startswith("engine:transformers")


def test_an_engine_that_was_asked_for_is_not_swapped() -> None:
    recipe = Recipe().with_flags(generate={"engine": "ctranslate2"})
    app = create_app("fake", recipe, writer=Writer(FakeEngine("fake", recipe), recipe))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        body = {"title": "Oak chair", "decoding": {"repetition_penalty": 0.5}}
        assert "cannot reward" in refusal(client.post("/describe", json=body), 422)["what"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "request body"),
        ({"title": "a", "titles": ["a"]}, "request body"),
        ({"title": ""}, "title"),
        ({"title": " \n\t"}, "title"),
        ({"title": 3}, "title"),
        ({"title": "x" * 2001}, "title"),
        ({"titles": []}, "titles"),
        ({"titles": ["x"] * 65}, "titles"),
        ({"titles": ["x", None]}, "titles.1"),
        ({"title": "a", "colour": "red"}, "colour"),
        ({"title": "a", "model": "/etc/passwd"}, "model"),
        ({"titles": ["a", "b"], "columns": [{}]}, "request body"),
        ({"title": "a", "columns": {"b": "x" * 2001}}, "request body"),
        ({"title": "a", "columns": {str(number): "x" for number in range(33)}}, "request body"),
        ({"title": "a", "decoding": {"beam": 2}}, "decoding.beam"),
        ({"title": "a", "decoding": {"beams": 0}}, "decoding.beams"),
        ({"title": "a", "decoding": {"beams": 9}}, "decoding.beams"),
        ({"title": "a", "decoding": {"top_p": 1.5}}, "decoding.top_p"),
        ({"title": "a", "decoding": {"temperature": "hot"}}, "decoding.temperature"),
        ({"title": "a", "decoding": {"max_new_tokens": 100_000}}, "decoding.max_new_tokens"),
        ({"title": "a", "decoding": {"beams": 2, "sample": True}}, "decoding"),
        ([1], "request body"),
    ],
)
def test_a_bad_request_is_answered_by_a_sentence_that_says_where(client: TestClient, body: object, where: str) -> None:
    assert refusal(client.post("/describe", json=body), 422)["where"] == where


@pytest.mark.parametrize("raw", [b"{", b"", b"\xff\xfe", b'{"title": "\\ud800"}', b"[" * 100_000, b'{"title": NaN}'])
def test_a_broken_body_is_a_4xx(client: TestClient, writer: Writer, raw: bytes) -> None:
    response = client.post("/describe", content=raw, headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 422}
    assert response.json()["error"]["what"]
    assert writer.engine.calls == []


def test_a_body_above_the_limit_is_refused_even_without_a_length(client: TestClient, writer: Writer) -> None:
    body = json.dumps({"titles": ["x" * 1000] * 2000}).encode()
    refusal(client.post("/describe", content=body), 413)
    refusal(client.post("/describe", content=iter([body[:600_000], body[600_000:]])), 413)
    assert writer.engine.calls == []


def test_a_page_with_a_name_of_its_own_cannot_reach_it(client: TestClient) -> None:
    answer = client.post("/describe", json={"title": "Oak chair"}, headers={"Host": "evil.example"})
    assert answer.status_code == 400
    # A form or a plain fetch of another page sends no application/json without asking first.
    plain = client.post("/describe", content=b'{"title": "Oak chair"}', headers={"Content-Type": "text/plain"})
    assert plain.status_code == 422
    assert "access-control-allow-origin" not in client.get("/health", headers={"Origin": "http://evil.example"}).headers


@pytest.mark.parametrize("path", ["/nothing", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/describe/../x"])
def test_unknown_paths_are_404_sentences(client: TestClient, path: str) -> None:
    assert "root:" not in client.get(path).text
    refusal(client.get(path), 404)


def test_a_wrong_method_is_a_405_sentence(client: TestClient) -> None:
    refusal(client.get("/describe"), 405)


def test_a_fault_of_ours_is_a_500_without_its_details(client: TestClient) -> None:
    error = refusal(client.post("/describe", json={"title": "explode"}), 500)
    assert "secret" not in json.dumps(error)
    assert client.post("/describe", json={"title": "Oak chair"}).status_code == 200


def test_concurrent_requests_share_a_batch(client: TestClient, writer: Writer) -> None:
    engine = writer.engine
    engine.gate.clear()
    answers: dict[int, str] = {}

    def ask(number: int) -> None:
        answer = client.post("/describe", json={"title": f"Chair {number}"}).json()
        answers[number] = answer["descriptions"][0]["description"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(5)]
    batcher = client.app.state.batcher
    pause = threading.Event()
    for number, thread in enumerate(threads):
        thread.start()
        for _ in range(6000):  # the first keeps the engine busy, the others wait behind it
            if engine.calls and len(batcher._jobs) == number:
                break
            pause.wait(0.01)
    engine.gate.set()
    for thread in threads:
        thread.join(120)
    assert answers == {number: f"The Chair {number} weighs 90 kg." for number in range(5)}
    assert [len(prompts) for prompts, _ in engine.calls] == [1, 4]


def test_health_model_and_schema(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    about = client.get("/model").json()
    assert about["hash"] == "hash-of-fake"
    assert about["prompt"] == RECIPE.prompt
    assert about["decoding"]["max_new_tokens"] == 40
    assert about["limits"]["titles"] == Limits().titles
    schema = client.get("/openapi.json").json()
    assert {"/describe", "/describe/batch", "/health", "/model", "/v1/completions"} <= set(schema["paths"])
    keys = schema["components"]["schemas"]["DecodingOverrides"]["properties"]
    assert set(keys) == set(type(RECIPE.decoding).model_fields)
    assert "422" in schema["paths"]["/describe"]["post"]["responses"]


def test_the_front_page_asks_nothing_of_other_hosts_and_says_the_real_address(client: TestClient) -> None:
    for path in ("/", "/docs"):
        page = client.get(path, headers={"Host": "localhost:8123"})
        assert "POST /describe" in page.text
        assert page.text.count("http://localhost:8123<") == 2
        assert "https://" not in page.text
        assert " src=" not in page.text
        assert "default-src 'none'" in page.text  # its own script and this server, nothing else
        assert "connect-src 'self'" in page.text
        assert re.search(r"script-src 'sha256-[^']+'", page.text)


def test_the_recipe_may_lie_above_the_usual_limits() -> None:
    recipe = Recipe().with_flags(decoding={"beams": 12, "max_new_tokens": 1000})
    app = create_app("fake", recipe, writer=Writer(FakeEngine("fake", recipe), recipe))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        assert client.post("/describe", json={"title": "a", "decoding": {"beams": 12}}).status_code == 200


def test_a_missing_extra_is_an_error_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(ShelftalkerError, match=r"pip install 'shelftalker\[serve\]'"):
        create_app("fake", RECIPE)


@pytest.mark.parametrize("title", ["  ", "<br>", "&nbsp;"])
def test_a_title_of_which_cleaning_leaves_nothing_never_reaches_a_batch(
    client: TestClient, writer: Writer, title: str
) -> None:
    error = refusal(client.post("/describe", json={"titles": ["Oak chair", title]}), 422)
    assert "empty" in error["what"]
    assert writer.engine.calls == []
