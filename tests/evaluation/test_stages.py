"""baseline, evaluate and compare from examples to files; most with played models, one test with real ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import shelftalker
from shelftalker.errors import ShelftalkerError
from shelftalker.evaluation import results as schema
from shelftalker.recipe.recipe import Recipe
from tests.evaluation.conftest import make_run, paper_base, paper_run
from tests.evaluation.played import PlayedEngine

REFERENCES = ["copy-title", "nearest-neighbour", "nearest-edited", "lead-sentence"]


pytestmark = pytest.mark.usefixtures("played")


def test_real_models_take_part(recipe: Recipe, tiny_t5: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    run = make_run(recipe.run_dir, tiny_t5, steps=(10, 30))
    done = shelftalker.compare([run], recipe.with_flags(decoding={"max_new_tokens": 8}))
    texts = {
        name: [row.predictions[name].text for row in done.results.rows]
        for name in ("zero-shot", "checkpoint-10", "checkpoint-30")
    }
    assert texts["checkpoint-10"] != texts["checkpoint-30"] != texts["zero-shot"]
    for name in texts:
        system = done.results.system(name)
        assert system.engine is not None
        assert system.engine.startswith("engine:transformers")
        # Random weights: every token of the tiny vocabulary is about as likely.
        assert 3 < system.scores["nll"].value < 30
    assert done.results.test("checkpoint-30", "zero-shot", "nll") is not None


def test_baseline_writes_predictions_scores_and_manifest_and_is_skipped_the_second_time(recipe: Recipe) -> None:
    done = shelftalker.baseline(recipe)
    assert not done.skipped
    lines = [json.loads(line) for line in (recipe.paths.outputs / "baseline_val10.jsonl").open()]
    assert len(lines) == 10
    assert list(lines[0]) == ["uid", "title", "input_text", "target_text", "prediction"]
    assert [system.id for system in done.results.systems] == ["zero-shot", *REFERENCES]
    assert schema.read(done.path) == done.results
    again = shelftalker.baseline(recipe)
    assert again.skipped
    assert again.results == done.results


def test_compare_ranks_every_checkpoint_beside_zero_shot_and_reference_systems(recipe: Recipe, run_dir: Path) -> None:
    done = shelftalker.compare([run_dir], recipe)
    systems = {system.id: system for system in done.results.systems}
    assert list(systems) == ["zero-shot", *REFERENCES, "checkpoint-10", "checkpoint-20", "checkpoint-30"]
    assert [systems[f"checkpoint-{step}"].step for step in (10, 20, 30)] == [10, 20, 30]
    assert {row.predictions["checkpoint-10"].text for row in done.results.rows} != {
        row.predictions["checkpoint-30"].text for row in done.results.rows
    }
    for system in systems.values():
        assert all(score.n == 12 and score.signature for score in system.scores.values())
        for name in ("rouge1", "rouge2", "rougeL", "rougeLsum", "bleu", "chrf", "length_ratio", "novelty"):
            assert name in system.scores, (system.id, name)
        assert ("nll" in system.scores) == ("cap_share" in system.scores) == (system.role != "reference_system")
    assert done.best in systems
    assert done.promoted is None
    assert not recipe.paths.artifacts.exists()
    assert "checkpoint" in done.results.verdict.sentence
    assert done.report.is_file()
    for test in done.results.tests:
        assert (test.p_holm is not None) == (test.a.startswith("checkpoint") and not test.b.startswith("checkpoint"))


def test_checkpoints_bring_the_validation_loss_of_their_training(recipe: Recipe, run_dir: Path) -> None:
    losses = {"step": 10, "val_loss": 3.9}, {"step": 20, "loss": 3.0}, {"step": 20, "val_loss": 3.75}
    for step in (10, 20):
        (run_dir / f"checkpoint-{step}" / "trainer_state.json").write_text(json.dumps({"log_history": losses}))
    systems = {one.id: one for one in shelftalker.compare([run_dir], recipe).results.systems}
    assert [systems[f"checkpoint-{step}"].loss for step in (10, 20, 30)] == [3.9, 3.75, None]
    one = shelftalker.evaluate(run_dir / "checkpoint-20", recipe).results.system("checkpoint-20")
    assert (one.loss, one.run) == (3.75, run_dir.name)


def test_the_studys_files_are_written(recipe: Recipe, run_dir: Path) -> None:
    done = shelftalker.compare([run_dir], recipe)
    lines = [json.loads(line) for line in (recipe.paths.outputs / "compare_baseline_vs_finetuned.jsonl").open()]
    assert len(lines) == 12
    first, row = lines[0], done.results.rows[0]
    assert first["reference"] == row.reference
    assert first["baseline"] == row.predictions["zero-shot"].text
    assert first["finetuned"] == row.predictions[done.best].text
    snapshot = json.loads((recipe.paths.outputs / "eval_snapshot.json").read_text())
    assert snapshot["scores"][done.best]["chrf"] == done.results.system(done.best).scores["chrf"].value


def test_the_studys_files_are_of_the_comparison_asked_for_last(recipe: Recipe, run_dir: Path) -> None:
    other = paper_run(recipe.paths.outputs / "other", Path(recipe.base_model), steps=(15, 25))
    shelftalker.compare([run_dir], recipe)
    files = [recipe.paths.outputs / name for name in ("eval_snapshot.json", "compare_baseline_vs_finetuned.jsonl")]
    first = [path.read_text() for path in files]
    shelftalker.compare([other], recipe)
    assert [path.read_text() for path in files] != first
    assert shelftalker.compare([run_dir], recipe).skipped
    assert [path.read_text() for path in files] == first


def test_out_is_where_everything_is_written(recipe: Recipe, run_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "elsewhere"
    done = shelftalker.compare([run_dir], recipe, out=out)
    assert (done.path, done.report) == (out / "results.json", out / "report.html")
    assert {path.name for path in out.iterdir()} == {
        "results.json",
        "report.html",
        "manifest.json",
        "eval_snapshot.json",
        "compare_baseline_vs_finetuned.jsonl",
    }
    assert not (run_dir / "compare").exists()
    assert not (recipe.paths.outputs / "eval_snapshot.json").exists()
    files_only = shelftalker.compare([done.path], recipe, out=tmp_path / "files")
    assert files_only.path == tmp_path / "files/results.json"


def test_a_second_compare_loads_no_model(recipe: Recipe, run_dir: Path, played: type[PlayedEngine]) -> None:
    first = shelftalker.compare([run_dir], recipe)
    played.loaded.clear()
    second = shelftalker.compare([run_dir], recipe)
    assert second.skipped
    assert second.results == first.results
    (first.report.parent / "manifest.json").unlink()
    third = shelftalker.compare([run_dir], recipe)
    assert not third.skipped
    third.results.created = first.results.created
    assert played.loaded == []
    assert third.results == first.results, "numbers made again from cached descriptions are the same"


def test_baseline_and_compare_on_the_same_rows_write_zero_shot_once(
    recipe: Recipe, run_dir: Path, played: type[PlayedEngine]
) -> None:
    recipe = recipe.with_flags(baseline={"rows": 12})
    shelftalker.baseline(recipe)
    played.loaded.clear()
    shelftalker.compare([run_dir], recipe)
    assert played.loaded == ["checkpoint-10", "checkpoint-20", "checkpoint-30"]


def test_other_decoding_is_not_taken_from_the_cache(recipe: Recipe, run_dir: Path) -> None:
    first = shelftalker.compare([run_dir], recipe)
    other = shelftalker.compare([run_dir], recipe.with_flags(decoding={"max_new_tokens": 5}))
    assert not other.skipped
    tokens = [row.predictions["zero-shot"].tokens for row in other.results.rows]
    assert max(tokens) <= 5 < max(row.predictions["zero-shot"].tokens for row in first.results.rows)


def test_promotion_makes_a_standard_adapter_folder_and_the_run_stands_for_it(recipe: Recipe, run_dir: Path) -> None:
    from shelftalker.models.load import resolve

    done = shelftalker.compare([run_dir], recipe, promote="best")
    target = recipe.paths.artifacts / "best"
    assert done.promoted == target
    chosen = run_dir / done.best
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (target / name).read_bytes() == (chosen / name).read_bytes()
    assert not (target / "optimizer.pt").exists(), "what only training needs stays behind"
    assert json.loads((target / "scores.json").read_text())["scores"]["chrf"]["value"] == pytest.approx(
        done.results.system(done.best).scores["chrf"].value
    )
    assert (target / "recipe.yaml").is_file()
    assert Path(resolve(run_dir).path).name == done.best
    assert shelftalker.compare([run_dir], recipe, promote="best").skipped
    (target / "adapter_model.safetensors").write_bytes(b"damaged")
    again = shelftalker.compare([run_dir], recipe, promote="best")
    assert not again.skipped
    assert (target / "adapter_model.safetensors").read_bytes() == (chosen / "adapter_model.safetensors").read_bytes()


def test_a_folder_with_something_else_is_not_promoted_over(recipe: Recipe, run_dir: Path) -> None:
    other = recipe.paths.artifacts / "best"
    other.mkdir(parents=True)
    (other / "thesis.txt").write_text("precious")
    with pytest.raises(ShelftalkerError, match="something else"):
        shelftalker.compare([run_dir], recipe, promote="best")
    assert (other / "thesis.txt").read_text() == "precious"


def test_test_rows_are_refused_for_choosing(recipe: Recipe, run_dir: Path) -> None:
    with pytest.raises(ShelftalkerError, match="test rows do not choose"):
        shelftalker.compare([run_dir], recipe.with_flags(evaluate={"split": "test"}))


def test_evaluate_on_test_notes_when_and_warns_of_a_second_model(recipe: Recipe, run_dir: Path, tmp_path: Path) -> None:
    on_test = recipe.with_flags(evaluate={"split": "test"})
    first = shelftalker.evaluate(run_dir / "checkpoint-10", on_test, out=tmp_path / "first")
    assert first.results.data.split == "test"
    noted = json.loads((tmp_path / "first/manifest.json").read_text())["test_scored"]
    assert noted["when"].startswith("20")
    assert noted["warnings"] == []
    assert shelftalker.evaluate(run_dir / "checkpoint-10", on_test, out=tmp_path / "first").skipped
    second = shelftalker.evaluate(run_dir / "checkpoint-20", on_test, out=tmp_path / "second")
    assert any("scored before" in warning for warning in second.results.verdict.warnings)


@pytest.mark.parametrize("other", [{"facts": "given"}, {"sense": False}])
def test_evaluate_under_another_policy_is_not_taken_for_done(
    recipe: Recipe, run_dir: Path, other: dict[str, object]
) -> None:
    assert not shelftalker.evaluate(run_dir / "checkpoint-10", recipe).skipped
    assert shelftalker.evaluate(run_dir / "checkpoint-10", recipe).skipped
    again = shelftalker.evaluate(run_dir / "checkpoint-10", recipe.with_flags(generate=other))
    assert not again.skipped


def test_evaluate_puts_the_zero_shot_base_and_reference_systems_beside_the_model(recipe: Recipe, run_dir: Path) -> None:
    done = shelftalker.evaluate(run_dir / "checkpoint-20", recipe)
    assert [system.id for system in done.results.systems] == ["zero-shot", *REFERENCES, "checkpoint-20"]
    assert done.results.data.rows == 16
    assert done.results.between("checkpoint-20", "zero-shot", "chrf") is not None


def test_results_files_are_compared_without_models(recipe: Recipe, run_dir: Path, played: type[PlayedEngine]) -> None:
    one = shelftalker.evaluate(run_dir / "checkpoint-10", recipe)
    other = shelftalker.evaluate(run_dir / "checkpoint-30", recipe)
    played.loaded.clear()
    shutil.rmtree(run_dir)
    both = shelftalker.compare([one.path, other.path], recipe)
    assert [system.id for system in both.results.systems] == [
        "zero-shot",
        *REFERENCES,
        "checkpoint-10",
        "checkpoint-30",
    ]
    for source, name in ((one, "checkpoint-10"), (other, "checkpoint-30"), (one, "zero-shot")):
        alone, together = source.results.system(name), both.results.system(name)
        for metric, score in alone.scores.items():
            assert together.scores[metric].value == pytest.approx(score.value, abs=1e-6), (name, metric)
        assert together.checks == alone.checks
    assert both.results.between("checkpoint-30", "checkpoint-10", "chrf") is not None
    assert played.loaded == []


def test_results_on_other_rows_are_refused(recipe: Recipe, run_dir: Path) -> None:
    one = shelftalker.evaluate(run_dir / "checkpoint-10", recipe)
    other = shelftalker.evaluate(run_dir / "checkpoint-10", recipe.with_flags(evaluate={"rows": 9}))
    with pytest.raises(ShelftalkerError, match="different rows"):
        shelftalker.compare([one.path, other.path], recipe)


def test_nothing_and_mixtures_are_refused(recipe: Recipe, run_dir: Path) -> None:
    with pytest.raises(ShelftalkerError, match="nothing to compare"):
        shelftalker.compare([], recipe)
    one = shelftalker.baseline(recipe)
    with pytest.raises(ShelftalkerError, match="cannot be compared in one go"):
        shelftalker.compare([one.path, run_dir], recipe)
    with pytest.raises(ShelftalkerError, match="no weights to promote"):
        shelftalker.compare([one.path], recipe, promote="best")


def test_examples_of_other_tools_can_be_scored(recipe: Recipe, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    prompt = "Given a product title, generate its product description.\nTitle: Lamp {}\nDescription:"
    for split in ("train", "val"):
        rows = [{"input_text": prompt.format(number), "target_text": f"A lamp, {number}."} for number in range(6)]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = shelftalker.baseline(recipe.with_flags(paths={"data": str(folder)}))
    assert done.results.rows[0].title == "Lamp 0"
    assert done.results.data.split_by is None


def test_without_a_training_split_there_is_no_neighbour_and_no_novelty(recipe: Recipe, tmp_path: Path) -> None:
    folder = tmp_path / "val_only"
    folder.mkdir()
    shutil.copyfile(recipe.paths.data / "val.jsonl", folder / "val.jsonl")
    done = shelftalker.baseline(recipe.with_flags(paths={"data": str(folder)}))
    assert [system.id for system in done.results.systems] == ["zero-shot", "copy-title", "lead-sentence"]
    assert "novelty" not in done.results.system("zero-shot").scores
    assert all(row.similarity is None for row in done.results.rows)


def test_variants_run_every_model_in_another_way_on_the_same_rows(
    recipe: Recipe, run_dir: Path, played: type[PlayedEngine]
) -> None:
    recipe = recipe.with_flags(compare={"variants": {"short": {"decoding.max_new_tokens": 4}}})
    done = shelftalker.compare([run_dir], recipe)
    names = [system.id for system in done.results.systems if system.role == "checkpoint"]
    assert names[:3] == ["checkpoint-10", "checkpoint-20", "checkpoint-30"]
    assert names[3:] == ["checkpoint-10 (short)", "checkpoint-20 (short)", "checkpoint-30 (short)"]
    short, plain = done.results.system("checkpoint-30 (short)"), done.results.system("checkpoint-30")
    assert short.decoding != plain.decoding
    assert {row.predictions[short.id].tokens for row in done.results.rows} == {4}
    assert done.results.between(short.id, plain.id, "chrf") is not None


@pytest.mark.parametrize(
    ("variant", "says"),
    [({"finetune.epochs": 3}, "finetune.epochs"), ({"decoding.beems": 4}, "decoding.beems")],
)
def test_a_variant_of_what_it_may_not_change_is_refused(
    recipe: Recipe, run_dir: Path, variant: dict[str, int], says: str
) -> None:
    with pytest.raises(ShelftalkerError, match=says):
        shelftalker.compare([run_dir], recipe.with_flags(compare={"variants": {"odd": variant}}))


def test_a_repeated_uid_is_named(recipe: Recipe, tmp_path: Path) -> None:
    folder = tmp_path / "twice"
    folder.mkdir()
    lines = (recipe.paths.data / "val.jsonl").read_text().splitlines(keepends=True)
    (folder / "val.jsonl").write_text(lines[0] + lines[1] + lines[0])
    with pytest.raises(ShelftalkerError, match="P00064"):
        shelftalker.baseline(recipe.with_flags(paths={"data": str(folder)}))


def test_an_empty_split_is_named(recipe: Recipe, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "val.jsonl").write_text("")
    with pytest.raises(ShelftalkerError, match="val split is empty"):
        shelftalker.baseline(recipe.with_flags(paths={"data": str(folder)}))


def test_the_same_weights_under_two_names_take_part_once(recipe: Recipe, run_dir: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(run_dir / "checkpoint-20", tmp_path / "copied")
    done = shelftalker.compare([run_dir, copied], recipe)
    assert [system.id for system in done.results.systems if system.role not in ("baseline", "reference_system")] == [
        "checkpoint-10",
        "checkpoint-20",
        "checkpoint-30",
    ]


def test_checkpoints_of_two_runs_keep_their_runs_names(recipe: Recipe, run_dir: Path) -> None:
    other = paper_run(recipe.paths.outputs / "other", Path(recipe.base_model), steps=(20, 40))
    done = shelftalker.compare([run_dir, other], recipe)
    curve = {(system.run, system.step) for system in done.results.systems if system.role == "checkpoint"}
    # Both runs' step 20 have the same weights here: it takes part once.
    assert curve == {("run", 10), ("run", 20), ("run", 30), ("other", 40)}
    assert done.report.parent == recipe.paths.outputs / "compare"


def test_results_on_test_rows_are_shown_but_choose_nothing(recipe: Recipe, run_dir: Path, tmp_path: Path) -> None:
    on_test = recipe.with_flags(evaluate={"split": "test"})
    paths = [
        shelftalker.evaluate(run_dir / f"checkpoint-{step}", on_test, out=tmp_path / str(step)).path
        for step in (10, 30)
    ]
    done = shelftalker.compare(paths, recipe)
    assert done.best == ""
    assert done.results.verdict.best is None
    assert "validation rows choose" in done.results.verdict.sentence


def test_two_decodings_of_one_model_stand_side_by_side_as_files(recipe: Recipe, run_dir: Path, tmp_path: Path) -> None:
    one = shelftalker.evaluate(run_dir / "checkpoint-20", recipe, out=tmp_path / "long")
    short = recipe.with_flags(decoding={"max_new_tokens": 4})
    other = shelftalker.evaluate(run_dir / "checkpoint-20", short, out=tmp_path / "short")
    both = shelftalker.compare([tmp_path / "long", tmp_path / "short"], recipe)
    names = [system.id for system in both.results.systems if system.role == "checkpoint"]
    assert names == ["checkpoint-20", "checkpoint-20 (short)"]
    assert both.results.system(names[0]).scores["chrf"].value == one.results.system(names[0]).scores["chrf"].value
    assert both.results.system(names[1]).scores["chrf"].value == other.results.system(names[0]).scores["chrf"].value
    assert "validation" not in both.results.verdict.sentence


def test_a_whole_model_stands_beside_the_recipes_base_where_that_can_be_had(
    recipe: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = paper_base(tmp_path / "whole")
    (model / "config.json").write_text('{"model_type": "t5", "other": true}')
    done = shelftalker.compare([model], recipe)
    assert [system.id for system in done.results.systems] == ["zero-shot", *REFERENCES, "whole"]
    elsewhere = recipe.with_flags(base_model=str(tmp_path / "nowhere"))
    alone = shelftalker.compare([model], elsewhere)
    assert [system.id for system in alone.results.systems] == [*REFERENCES, "whole"]
    assert "no zero-shot row" in capsys.readouterr().err


def test_a_whole_model_is_not_promoted_as_an_adapter(recipe: Recipe, tmp_path: Path) -> None:
    model = paper_base(tmp_path / "whole")
    (model / "config.json").write_text('{"model_type": "t5", "other": true}')
    with pytest.raises(ShelftalkerError, match="not an adapter"):
        shelftalker.compare([model], recipe, promote="best")
    assert not (recipe.paths.artifacts / "best").exists()


def test_a_damaged_checkpoint_is_passed_over_by_name(
    recipe: Recipe, run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run_dir / "checkpoint-20/adapter_model.safetensors").write_bytes(b"cut short")
    done = shelftalker.compare([run_dir], recipe)
    assert [system.step for system in done.results.systems if system.step] == [10, 30]
    assert "checkpoint-20" in capsys.readouterr().err
