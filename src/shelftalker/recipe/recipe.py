"""The recipe: all settings of a run in one typed model. Defaults < YAML < flags."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo

from shelftalker import prompt as prompts
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.catalogue import CleanSettings, DuplicateSettings, PrepareSettings, SplitSettings
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.evaluation import BaselineSettings, CompareSettings, EvaluateSettings
from shelftalker.recipe.finetuning import FinetuneSettings, LoraSettings
from shelftalker.recipe.generation import GenerateSettings
from shelftalker.recipe.grounding import GroundSettings, RouteSettings
from shelftalker.recipe.house import HouseSettings
from shelftalker.recipe.section import Section


class Paths(Section):
    """Where files go, relative to the working folder."""

    data: Path = Path("data")
    """Folder of train.jsonl, val.jsonl, test.jsonl and the data card."""
    outputs: Path = Path("outputs")
    """Folder of runs and results."""
    artifacts: Path = Path("artifacts")
    """Folder of promoted adapters and exported models."""


class Recipe(Section):
    """All settings of a run: one section a stage, and those that stages share."""

    name: str = "t5_lora"
    """Name of the run: its folder under outputs/ and, followed by _best, under artifacts/."""
    base_model: str = "google/flan-t5-base"
    """Hub name, folder or .gguf file of the base model; `smollm2`: SmolLM2-135M; `bundled`: the small T5 inside."""
    revision: str | None = None
    """Commit, tag or branch of a hub model; none: its main branch."""
    seed: int = 42
    """Seed of splits, training and resampling."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of the model; float16 is refused because it destroys T5."""
    keep_awake: bool = True
    """Keep the machine from falling asleep while a stage runs."""
    prompt: str = prompts.TEMPLATE
    """Prompt template: {title} and any of prepare.keep_columns in braces; {attributes} stands for all of these."""
    chat: Literal["plain", "chat"] = "plain"
    """How an instruct model is asked: plain, the prompt alone; chat, in a turn of its own chat template."""
    prompt_tokens: int = Field(128, ge=8)
    """Longest prompt in tokens, in training as in writing; a longer one loses words: of sources, then of facts and
    attributes, of the title last."""
    language: str | None = None
    """What the descriptions are written in, as two letters (en, de, fr, es, pt), for the checks; none: what most of the
    training descriptions are written in."""
    paths: Paths = Paths()
    prepare: PrepareSettings = PrepareSettings()
    clean: CleanSettings = CleanSettings()
    duplicates: DuplicateSettings = DuplicateSettings()
    split: SplitSettings = SplitSettings()
    baseline: BaselineSettings = BaselineSettings()
    ground: GroundSettings = GroundSettings()
    lora: LoraSettings = LoraSettings()
    finetune: FinetuneSettings = FinetuneSettings()
    decoding: Decoding = Decoding()
    evaluate: EvaluateSettings = EvaluateSettings()
    compare: CompareSettings = CompareSettings()
    route: RouteSettings = RouteSettings()
    generate: GenerateSettings = GenerateSettings()
    house: HouseSettings = HouseSettings()

    @field_validator("house", mode="before")
    @classmethod
    def _house_of_a_file(cls, value: Any) -> Any:
        """The rules themselves: they travel with a run and a model, where no path would lead anywhere."""
        if not (value is None or isinstance(value, str | Path)):
            return value
        raw = {} if value is None else _read(Path(value))[0]
        # A file says all of it: what it leaves out does not come from a model's folder.
        return HouseSettings().model_dump() | raw

    @field_validator("prompt")
    @classmethod
    def _prompt_has_title(cls, value: str) -> str:
        if "{title}" not in value:
            raise ValueError("needs {title} where the title belongs")
        return value

    @classmethod
    def load(cls, path: str | Path | None = None, flags: Mapping[str, Any] | None = None) -> Self:
        """Read a recipe file and lay flags over it.

        Args:
            path: a YAML file, or the name of a shipped recipe ("sample"); none: the defaults.
            flags: dotted keys to values, as in ``{"lora.r": 8}``.

        Raises:
            ShelftalkerError: a file that cannot be read, an unknown key, a value out of range.
        """
        raw, source = ({}, None) if path is None else _read(find(path))
        for key, value in (flags or {}).items():
            _lay(raw, key, value)
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            house = raw.get("house")
            if isinstance(house, str) and error.errors()[0]["loc"][:1] == ("house",):
                raise _explain(error, house, set()) from None
            raise _explain(error, source, set(flags or {})) from None

    def with_flags(self, **sections: Any) -> Self:
        """A copy with some keys replaced: ``recipe.with_flags(seed=1, lora={"r": 8})``.

        Raises:
            ShelftalkerError: an unknown key or a value out of range.
        """
        # What was left at its default stays so: a model's folder may say otherwise.
        raw = self.model_dump(mode="json", exclude_unset=True)
        for key, value in sections.items():
            if isinstance(value, Mapping) and isinstance(getattr(self, key, None), BaseModel):
                raw[key] = {**raw.get(key, {}), **value}
            else:
                raw[key] = value
        try:
            return type(self).model_validate(raw)
        except ValidationError as error:
            raise _explain(error, None, set()) from None

    def save(self, path: Path) -> None:
        """Write the whole recipe, defaults included, as YAML."""
        from shelftalker.files import write_text

        write_text(path, yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True))

    @property
    def as_prompt(self) -> prompts.Prompt:
        """The prompt template with its length limit."""
        return prompts.Prompt(self.prompt, self.prompt_tokens)

    @property
    def knows_lengths(self) -> bool:
        """Whether a model of this recipe learnt what a length in its prompt means."""
        return self.finetune.lengths or bool(self.prepare.fields)

    def expect_field(self, name: str) -> None:
        """See that a model of this recipe can be asked for a field.

        Raises:
            ShelftalkerError: it has not learnt to write it.
        """
        if name != "description" and name not in self.prepare.fields:
            raise ShelftalkerError(
                f"the model has not learnt to write the field {name}",
                where="recipe key generate.fields",
                mend=f"one of {', '.join(['description', *self.prepare.fields])}; what a model learns stands in "
                "prepare.fields before it is trained",
            )

    @property
    def wants_sources(self) -> bool:
        """Whether products of the training split take part: in the prompt, as texts to edit, as witnesses."""
        shown = self.as_prompt.shows_sources and self.ground.sources > 0
        return shown or self.route.edit_from is not None or self.generate.facts == "shared"

    @property
    def run_dir(self) -> Path:
        """Folder of this recipe's run: outputs/<name>."""
        return self.paths.outputs / self.name

    @property
    def promoted_dir(self) -> Path:
        """Folder of the promoted adapter: artifacts/<compare.promote or name_best>."""
        return self.paths.artifacts / (self.compare.promote or f"{self.name}_best")


def shipped() -> dict[str, Path]:
    """The recipes that ship with the package, by name."""
    inside = Path(__file__).parents[1] / "recipes"
    folder = inside if inside.is_dir() else Path(__file__).parents[3] / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find(path: str | Path) -> Path:
    """The file that ``path`` names: a file, or the name of a shipped recipe.

    Raises:
        ShelftalkerError: there is neither.
    """
    if Path(path).is_file():
        return Path(path)
    known = shipped()
    if str(path) in known:
        return known[str(path)]
    raise ShelftalkerError(
        "no such recipe",
        where=str(path),
        mend=f"give a YAML file, or one of the shipped recipes: {', '.join(known)}",
    )


def keys(model: type[BaseModel] = Recipe, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every dotted key of the recipe with its field (type, default, documentation)."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def type_name(annotation: Any) -> str:
    """How a key's type is written in documentation: ``int``, ``group | row``, ``list of str``."""
    if annotation is type(None):
        return "none"
    arguments = get_args(annotation)
    if not arguments:
        return getattr(annotation, "__name__", str(annotation)).replace("Path", "path")
    if getattr(annotation, "__origin__", None) is list:
        return f"list of {type_name(arguments[0])}"
    if getattr(annotation, "__origin__", None) is dict:
        return "mapping"
    return " | ".join(type_name(argument) if not isinstance(argument, str) else argument for argument in arguments)


def reference() -> str:
    """Every key with its type, default and documentation, as Markdown lines."""
    lines = []
    for key, field in keys():
        default = "none" if field.default is None else field.default
        limits = "".join(f", {text}" for text in _limits(field))
        lines.append(f"- `{key}` ({type_name(field.annotation)}{limits}; default `{default!s}`): {field.description}")
    return "\n".join(lines)


def _limits(field: FieldInfo) -> Iterator[str]:
    """The range of a key: ``at least 1``, ``below 1``."""
    for name, words in {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}.items():
        for limit in field.metadata:
            if hasattr(limit, name):
                yield f"{words} {getattr(limit, name):g}"


def _read(path: Path) -> tuple[dict[str, Any], str]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ShelftalkerError("the recipe cannot be read", where=f"{path}: {error}", mend="give a YAML file") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise ShelftalkerError(
            f"the recipe is not valid YAML: {problem}", where=f"{path}{line}", mend="mend that line"
        ) from None
    if raw is None:
        return {}, str(path)
    if not isinstance(raw, dict):
        raise ShelftalkerError(
            "a recipe is a mapping of keys to values", where=str(path), mend="see recipes/sample.yaml"
        )
    return raw, str(path)


_MOVED = dict.fromkeys(
    ("finetune.max_input_tokens", "generate.max_input_tokens"), "prompt_tokens: one limit for training and writing"
)


_HOUSE_FAULTS = {
    "extra_forbidden": "unknown key of the house rules: {key}",
    "missing": "the house rules lack {key}",
    "value_error": "{message}",
}


def _lay(raw: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        raw = raw.setdefault(section, {})
        if not isinstance(raw, dict):
            raise ShelftalkerError(
                f"{section} is a value, not a section", where=f"flag --{key}", mend="shelftalker recipe"
            )
    raw[last] = value


def _explain(error: ValidationError, source: str | None, flags: set[str]) -> ShelftalkerError:
    """The first fault of a validation error, in the user's terms: the key, the value and the mend."""
    fault = error.errors()[0]
    path = [str(part) for part in fault["loc"] if isinstance(part, str | int)]
    known = dict(keys())
    key = ".".join(path)
    while key and key not in known and fault["type"] not in ("extra_forbidden", "missing") and "." in key:
        key = key.rpartition(".")[0]
    is_flag = any(key == flag or key.startswith(flag + ".") for flag in flags)
    where = f"flag --{key}" if is_flag else f"{source}, key {key}" if source else f"recipe key {key}"
    if key in _MOVED:
        return ShelftalkerError(f"the recipe key {key} has another name", where=where, mend=_MOVED[key])
    if path[:1] == ["house"] and fault["type"] in _HOUSE_FAULTS:
        return ShelftalkerError(
            _HOUSE_FAULTS[fault["type"]].format(key=key, message=fault["msg"].removeprefix("Value error, ")),
            where=where,
            mend="banned, required (phrase, where, add), proof (claims, proved_by, columns), tone (like, unlike)",
        )
    if fault["type"] == "extra_forbidden":
        names = [*known, *Recipe.model_fields]
        near = difflib.get_close_matches(key, names, n=1, cutoff=0.5) or difflib.get_close_matches(
            path[-1], [name.rpartition(".")[2] for name in names], n=1
        )
        full = [name for name in names if near and (name == near[0] or name.endswith("." + near[0]))]
        hint = f"did you mean {full[0]}?" if full else "`shelftalker recipe` lists the keys"
        return ShelftalkerError(f"unknown recipe key {key}", where=where, mend=hint)
    message = fault["msg"].removeprefix("Value error, ")
    field = known.get(key)
    mend = "`shelftalker recipe` lists keys, types and ranges"
    if field is not None:
        mend = f"{key} is {type_name(field.annotation)}: {field.description}"
    return ShelftalkerError(f"{key or 'recipe'} = {fault['input']!r}: {message}", where=where, mend=mend)
