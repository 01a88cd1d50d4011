"""The command line as a user meets it: light, with clear errors and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shelftalker.cli import STOPPED, main
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.flags import split_flags
from shelftalker.recipe.recipe import keys


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from shelftalker.cli import main\n"
        "assert main(['--help']) == 0\n"
        "heavy = {'torch', 'transformers', 'duckdb', 'gradio', 'numpy', 'pydantic', 'ctranslate2'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.rstrip().endswith("[]")
    assert "prepare" in done.stdout and "playground" in done.stdout


def test_recipe_keys_are_taken_out_of_the_command_line() -> None:
    rest, flags = split_flags(
        ["finetune", "--lora.r", "16", "--seed=7", "--dry-run", "--lora.rslora", "--base-model", "bundled"]
    )
    assert rest == ["finetune", "--dry-run"]
    assert flags == {"lora.r": "16", "seed": "7", "lora.rslora": True, "base_model": "bundled"}


def test_a_switch_leaves_the_title_that_follows_it_alone() -> None:
    assert split_flags(["generate", "--decoding.sample", "Blue mug"]) == (
        ["generate", "Blue mug"],
        {"decoding.sample": True},
    )
    assert split_flags(["--decoding.sample", "off", "Blue mug"]) == (["Blue mug"], {"decoding.sample": False})


def test_every_key_that_may_be_none_takes_the_word() -> None:
    nullable = [key for key, field in keys() if field.default is None]
    assert "generate.model" in nullable
    for key in nullable:
        assert split_flags([f"--{key}", "none"]) == ([], {key: None}), key


def test_a_flag_without_its_value_is_an_error_and_takes_no_other_flag() -> None:
    with pytest.raises(ShelftalkerError, match="lacks its value"):
        split_flags(["finetune", "--lora.r", "--dry-run"])


def test_a_list_may_be_written_with_commas() -> None:
    assert split_flags(["--prepare.keep_columns", "brand, colour"]) == (
        [],
        {"prepare.keep_columns": ["brand", "colour"]},
    )
    assert split_flags(["--lora.target_modules", "all-linear"])[1] == {"lora.target_modules": "all-linear"}


def test_lists_and_titles_survive_the_flags() -> None:
    rest, flags = split_flags(["generate", "Mug", "--lora.target_modules", "[q, v]", "--", "--odd.title"])
    assert rest == ["generate", "Mug", "--", "--odd.title"]
    assert flags == {"lora.target_modules": ["q", "v"]}
    with pytest.raises(ShelftalkerError, match="not a value"):
        split_flags(["--lora.target_modules", "[q"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["finetune", "--lora.rank", "8"], ["unknown recipe key lora.rank", "flag --lora.rank", "mend"]),
        (["prepare", "no-such-file.csv"], ["no-such-file.csv", "mend"]),
        (["generate"], ["give titles", "mend"]),
        (["run", "no-such-recipe"], ["no such recipe", "sample"]),
        (["no-such-command"], ["no-such-command"]),
        (["evaluate"], ["evaluate", "MODEL"]),
        (["prepare", "a.csv", "--no-such-option", "1"], ["--no-such-option"]),
    ],
)
def test_a_users_mistake_is_one_clear_error_and_exit_2(
    arguments: list[str],
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    message = capfd.readouterr().err
    for word in words:
        assert word in message
    assert "Traceback" not in message
    assert list(tmp_path.iterdir()) == []


def test_recipe_prints_the_whole_recipe_with_flags_laid_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipe", "--lora.r", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lora"]["r"] == 5


def test_recipe_help_lists_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipe", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "lora.r " in shown and "decoding.beams" in shown


def test_doctor_names_device_format_versions_hub_and_disk(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {"cuda", "mps", "runs on", "torch", "transformers", "hub", "disk for data", "base model"} <= set(facts)
    assert facts["base models at hand"].startswith("bundled, ") and "smollm2" in facts["base models at hand"]
    assert facts["sentencepiece"].startswith(("installed", "missing"))


def test_an_interrupt_is_one_sentence_about_the_command_and_no_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shelftalker.catalogue.prepare.prepare", stop)
    assert main(["prepare", "--seed", "3", "bundled"]) == 130
    assert capfd.readouterr().err.strip() == STOPPED["prepare"]


def test_doctor_knows_every_extra(capsys: pytest.CaptureFixture[str]) -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    named = set(project["optional-dependencies"]) - {"dev"}
    assert main(["doctor", "--json"]) == 0
    assert {f"extra [{name}]" for name in named} <= set(json.loads(capsys.readouterr().out))


def test_python_dash_m_gives_the_exit_code_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "shelftalker", "run", "no-such-recipe"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False)
    assert done.returncode == 2
    assert "no such recipe" in done.stderr
