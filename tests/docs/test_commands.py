"""Every command of the README and the docs is run, in order, as it is written, and every Python example after them.

Three kinds are run in another way, each checked for what the reader would meet: `make` targets (what they would
run is run by tests/e2e, or is this very test run), servers (started, asked, stopped), and benchmarks (with --quick).
All others run in forks of a process that has torch loaded (`tests/warm.py`). The Portuguese README has the English
one's commands, letter for letter, which a test says; they are run once.
The base model `google/flan-t5-base` comes by its name from a hub that the test serves on loopback; `smollm2` is a tiny
stand-in for the package that carries it.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from models.hub import Hub
from models.hub import serve as serving

from shelftalker.recipe.recipe import Recipe
from tests.docs import stand_in
from tests.warm import Warm

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.pt-BR.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN = [page for page in PAGES if page.name != "README.pt-BR.md"]
SERVERS = ("playground", "serve")


def lines(path: Path) -> int:
    """Lines of a text file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def records(path: Path) -> list[list[str]]:
    """Records of a CSV file, its header first; a cell may hold line breaks."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def option(words: list[str], name: str) -> str:
    """The value that follows an option on a command line."""
    return words[words.index(name) + 1]


def kept(command: list[str], said: str, folder: Path) -> bool:
    """Whether a command left what its reader was promised; one without a promise here fails.

    Args:
        command: its words.
        said: what it printed on standard output.
        folder: where it ran.
    """
    program, *words = command
    if program == "python":
        return any(mark.isdigit() for mark in said)
    stage, *rest = words
    recipe = Recipe.load(option(rest, "--recipe") if "--recipe" in rest else None)
    if stage == "prepare":
        data = folder / (option(rest, "--out") if "--out" in rest else recipe.paths.data)
        return lines(data / "train.jsonl") > lines(data / "val.jsonl") > 0 and (data / "card.html").is_file()
    if stage == "baseline":
        return any((folder / "outputs").glob("baseline_val*.jsonl")) and "zero-shot" in said
    if stage == "finetune":
        saved = list((folder / recipe.run_dir).glob("checkpoint-*/adapter_model.safetensors"))
        return "dry run: nothing was written" in said if "--dry-run" in rest else bool(saved)
    if stage == "compare":
        promoted = folder / option(rest, "--promote")
        return (promoted / "README.md").is_file() and "report.html" in said
    if stage == "evaluate":
        reports = (folder / "outputs/evaluate").glob("*/report.html")
        return "copy-title" in said and any("ROUGE-L" in report.read_text(encoding="utf-8") for report in reports)
    if stage == "generate" and "--input" in rest:
        given, described = (records(folder / option(rest, name)) for name in ("--input", "--output"))
        return len(described) == len(given) and {"generated_description", "findings", "engine"} <= {*described[0]}
    if stage == "generate":
        return len(said.split()) >= 1
    if stage == "export":
        out = folder / option(rest, "--out")
        made = {"gguf": "Modelfile", "ct2": "model.bin"}[option(rest, "--to")]
        return (out / "manifest.json").is_file() and (out / made).is_file()
    if stage == "recipe":
        return "lora.r " in said if "--help" in rest else "beams: 4" in said
    if stage == "doctor":
        return "disk for data" in said
    raise AssertionError(f"say what {shlex.join(command)} must leave behind")


pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.xdist_group("documents")]


def commands(page: Path) -> list[str]:
    """The shell commands of a page's ```bash blocks, continuation lines joined, comments dropped."""
    blocks = re.findall(r"^```bash\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.split("  #")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


def python_blocks(page: Path) -> list[str]:
    """The ```python blocks of a page."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def hub(tiny_t5: Path) -> Iterator[Hub]:
    """A hub on loopback that has google/flan-t5-base (tiny, random weights)."""
    with serving(tiny_t5, "google/flan-t5-base") as server:
        yield server


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the documents assume: AmazonTitles in raw form, and a shop's catalogue."""
    folder = tmp_path_factory.mktemp("workshop")
    draw = random.Random(7)
    syllables = "ba co di fu ga he jo ki lu mo ne po ra si tu ve wa yo za".split()
    words = ["".join(draw.choices(syllables, k=3)) for _ in range(2000)]
    for name, start, count in (("trn", 0, 600), ("tst", 600, 60)):
        with gzip.open(folder / f"{name}.json.gz", "wt") as file:
            for number in range(start, start + count):
                row = {
                    "uid": f"{number:010d}",
                    "title": " ".join(draw.choices(words, k=5)),
                    "content": f"The {' '.join(draw.choices(words, k=15))}.",
                    "target_ind": [1, 2, 3],
                    "target_rel": [1.0, 1.0, 1.0],
                }
                file.write(json.dumps(row) + "\n")
    lines = [
        f"{number},{' '.join(draw.choices(words, k=3))},{' '.join(draw.choices(words, k=12))}." for number in range(40)
    ]
    (folder / "catalogue.csv").write_text("sku,title,description\n" + "\n".join(lines) + "\n")
    for name in ("recipes", "benchmarks", "tools", "src"):
        (folder / name).symlink_to(ROOT / name)
    stand_in.make(folder / "packages")
    return folder


def environment(hub: Hub, workshop: Path) -> dict[str, str]:
    keep = {key: value for key, value in os.environ.items() if key not in {"HF_HUB_OFFLINE", "HF_HOME"}}
    return {
        **keep,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(workshop / "packages"), os.environ.get("PYTHONPATH")])),
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(workshop / ".hub"),
        "XDG_CACHE_HOME": str(workshop / ".cache"),
        "COLUMNS": "160",
    }


def serve_and_stop(command: str, env: dict[str, str], cwd: Path) -> None:
    """Start a server command on a free port, see it answer, end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (cwd / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*shlex.split(command), "--port", str(port)], cwd=cwd, env=env, stdout=log, stderr=log
        )
    try:
        for _ in range(240):
            assert process.poll() is None, (cwd / "server.log").read_text()[-2000:]
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    assert answer.status == 200
                    break
            except urllib.error.HTTPError as error:
                assert error.code == 404  # the API has nothing under /, but it answers
                break
            except OSError:
                time.sleep(0.5)
        else:
            raise AssertionError((cwd / "server.log").read_text()[-2000:])
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture(scope="module")
def warm(hub: Hub, workshop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """Runs programs in the workshop, beside the hub."""
    with Warm(environment(hub, workshop), tmp_path_factory.mktemp("said")) as running:
        yield running


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_every_command_of_a_page_works(page: Path, hub: Hub, workshop: Path, warm: Warm) -> None:
    done: set[str] = set()
    for command in commands(page):
        if command in done:
            continue
        done.add(command)
        words = shlex.split(command)
        if words[0] == "make":
            subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, check=True, capture_output=True, timeout=60)
            continue
        if words[0] in {"git", "cd", "source", ".", "pip", "hf"}:
            continue  # where the reader gets this folder from, goes to, installs from and uploads to
        if words[0] == "shelftalker" and words[1] in SERVERS:
            serve_and_stop(command, environment(hub, workshop), workshop)
            continue
        quick = ["--quick"] if words[0] == "python" and words[1].startswith("benchmarks/") else []
        result = warm.run([*words, *quick], workshop, timeout=600)
        told = f"{command}\n{result.stdout[-1500:]}\n{result.stderr[-3000:]}"
        assert result.returncode == 0, told
        assert kept(words, result.stdout, workshop), told
    # A page's Python goes on with what its commands made.
    for block in python_blocks(page):
        result = warm.run(["python", "-c", block], workshop, timeout=600)
        assert result.returncode == 0, f"{block}\n{result.stderr[-3000:]}"


def test_the_readme_shows_python() -> None:
    assert python_blocks(ROOT / "README.md")


@pytest.mark.parametrize("name", ["README.md", "README.pt-BR.md"])
def test_what_both_readmes_say_of_the_demo_is_true(name: str) -> None:
    page, recipe = (ROOT / name).read_text(encoding="utf-8"), Recipe.load("sample")
    assert re.findall(r"(\d+) (?:rows|linhas)\W+`finetune.rows`", page.replace("\n", " ")) == [
        str(recipe.finetune.rows)
    ]
    assert recipe.base_model == "smollm2"
    assert page.count("<!-- results:begin -->\n|") == page.count("|\n<!-- results:end -->") == 1


def test_both_readmes_have_the_same_commands_and_tables() -> None:
    english, portuguese = (ROOT / name for name in ("README.md", "README.pt-BR.md"))
    assert commands(english) == commands(portuguese)
    assert python_blocks(english) == python_blocks(portuguese)
    cut = re.compile(r"<!-- results:begin -->\n(.*?)<!-- results:end -->", re.DOTALL)
    tables = [cut.findall(page.read_text(encoding="utf-8"))[0] for page in (english, portuguese)]
    figures = [re.findall(r"\d+(?:[.,]\d+)?", table) for table in tables]
    assert figures[1] == [figure.replace(".", ",") for figure in figures[0]], "numbers as Portuguese writes them"
    headings = [re.findall(r"^##+ ", page.read_text(encoding="utf-8"), re.MULTILINE) for page in (english, portuguese)]
    assert headings[0] == headings[1]


def test_links_and_pictures_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            if not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []
