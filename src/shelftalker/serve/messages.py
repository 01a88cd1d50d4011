"""What goes over the wire: requests with their limits, answers, errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Optional, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator
from pydantic.fields import FieldInfo

from shelftalker.errors import ShelftalkerError
from shelftalker.product import Product
from shelftalker.recipe.decoding import Decoding
from shelftalker.writing.written import Written


@dataclass(frozen=True)
class Limits:
    """What one request may ask for."""

    title_characters: int = 2_000
    column_characters: int = 2_000
    columns: int = 32
    titles: int = 64
    batch_titles: int = 10_000
    body_bytes: int = 1_000_000
    pending_titles: int = 512
    beams: int = 8
    candidates: int = 16
    max_new_tokens: int = 512

    @classmethod
    def of(cls, decoding: Decoding) -> Self:
        """The limits, raised where the recipe's own decoding lies above them."""
        plain = cls()
        return cls(
            beams=max(plain.beams, decoding.beams),
            candidates=max(plain.candidates, decoding.candidates),
            max_new_tokens=max(plain.max_new_tokens, decoding.max_new_tokens),
        )

    def check(self, decoding: Decoding) -> None:
        """Refuse a decoding above the limits.

        Raises:
            ShelftalkerError: names the key and its limit.
        """
        for key in ("beams", "candidates", "max_new_tokens", "min_new_tokens"):
            limit = self.max_new_tokens if key.endswith("new_tokens") else getattr(self, key)
            if getattr(decoding, key) > limit:
                raise ShelftalkerError(
                    f"{key} = {getattr(decoding, key)} is more than this server allows",
                    where=f"decoding.{key}",
                    mend=f"{limit} at most",
                )


def _optional(field: FieldInfo) -> tuple[Any, FieldInfo]:
    annotation: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return Optional[annotation], FieldInfo(default=None, description=field.description)  # noqa: UP045


# Made from Decoding itself: a key of the recipe's decoding is a key of the request, with the same range.
Overrides: type[BaseModel] = create_model(
    "DecodingOverrides",
    __config__=ConfigDict(extra="forbid"),
    **{name: _optional(field) for name, field in Decoding.model_fields.items()},  # type: ignore[call-overload]
)
Overrides.__doc__ = "Decoding keys that differ from the recipe's for this request; the others keep its values."


Title = Annotated[str, Field(min_length=1, max_length=Limits.title_characters)]


class DescribeRequest(BaseModel):
    """One title or several, with columns that are known of them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"title": "Nespresso Vertuo Next Coffee Machine"}]},
    )

    title: Title | None = None
    """One product's title; or give `titles`."""
    titles: list[Title] | None = Field(None, min_length=1, max_length=Limits.titles)
    """Several titles; their descriptions come in the same order."""
    columns: dict[str, str] | list[dict[str, str]] = {}
    """Further columns (brand, category): for every title, or a list with one object a title. Those that the
    model's prompt names enter the prompt; the checks believe those and no others. The column `facts` holds what else is
    known, in short phrases parted by semicolons, for models whose prompt has a place for it."""
    field: str = Field("description", max_length=Limits.column_characters)
    """What is written: the description, or another field that the model learnt."""
    length: str = Field("", max_length=40)
    """How long the texts are to be: `60 words`, `at most 155 characters`; empty: what the recipe says of the field."""
    decoding: Overrides | None = None
    """Decoding keys to change for this request; none: the recipe's decoding, the one that was scored."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.title is None) == (self.titles is None):
            raise ValueError("give either title or titles")
        sets = self.columns if isinstance(self.columns, list) else [self.columns]
        if isinstance(self.columns, list) and len(sets) != len(self.titles or [self.title]):
            raise ValueError(f"columns has {len(sets)} objects for {len(self.titles or [self.title])} titles")
        for columns in sets:
            if len(columns) > Limits.columns:
                raise ValueError(f"columns has more than {Limits.columns} names")
            for name, text in columns.items():
                if max(len(name), len(text)) > Limits.column_characters:
                    raise ValueError(f"column {name[:40]!r} is longer than {Limits.column_characters} characters")
        return self

    def products(self) -> list[Product]:
        """The products asked about, in order."""
        titles = [self.title] if self.title is not None else self.titles or []
        columns = self.columns if isinstance(self.columns, list) else [self.columns] * len(titles)
        name = "" if self.field == "description" else self.field
        return [
            Product(title, attributes=known, field=name, length=self.length)
            for title, known in zip(titles, columns, strict=True)
        ]

    def decoding_over(self, base: Decoding, limits: Limits) -> Decoding:
        """The recipe's decoding with this request's changes.

        Raises:
            ShelftalkerError: keys that contradict each other, or a value above the limits.
        """
        if self.decoding is None:
            return base
        changes = self.decoding.model_dump(exclude_none=True)
        try:
            decoding = base.over(changes)
        except ValidationError as error:
            what, _ = sentence(error.errors())
            raise ShelftalkerError(what, where="decoding", mend="GET /openapi.json lists the ranges") from None
        limits.check(decoding)
        return decoding


class BatchRequest(DescribeRequest):
    """Many titles, whose descriptions come one a line as they are written."""

    # An empty title is answered in its own line: it must not cost the others.
    titles: list[Annotated[str, Field(max_length=Limits.title_characters)]] | None = Field(
        None, min_length=1, max_length=Limits.batch_titles
    )


class FindingOut(BaseModel):
    """Something in a description that the title does not support, or that should not be published."""

    check: str
    text: str
    start: int
    """First character of the span in the description."""
    end: int
    """Character after the span's last one."""
    why: str


class SourceOut(BaseModel):
    """A product of the training split that a description was edited from, or that the model was shown."""

    uid: str
    title: str
    description: str
    similarity: float
    """Share of the two titles' words that they have in common (Jaccard, 0 to 1)."""


class DescriptionOut(BaseModel):
    """One description. It is publishable where nothing was found."""

    title: str
    field: str
    """Which of the product's texts it is; mostly the description."""
    description: str
    publishable: bool
    findings: list[FindingOut]
    route: str
    """edited: from a sibling's text; written: by the model; declined: by nobody, `problem` says why."""
    sources: list[SourceOut]
    facts: dict[str, bool]
    """The facts that the writer was told (column `facts`), and whether the text uses each."""
    problem: str | None
    """What is wrong with the input, or why there is no description."""
    tokens: int
    hit_cap: bool
    """Whether the text was stopped by max_new_tokens."""
    score: float | None
    """Mean log-probability of its tokens, where the engine gives it."""

    @classmethod
    def of(cls, written: Written, **more: Any) -> Self:
        """From what the writer returned."""
        return cls(
            **more,
            title=written.title,
            field=written.field or "description",
            description=written.text,
            publishable=written.publishable,
            findings=[FindingOut(**asdict(finding)) for finding in written.findings],
            route=written.route,
            sources=[
                SourceOut(
                    uid=source.product.uid,
                    title=source.product.title,
                    description=source.product.description,
                    similarity=source.score,
                )
                for source in written.sources
            ],
            facts=written.facts_used(),
            problem=written.problem,
            tokens=written.tokens,
            hit_cap=written.hit_cap,
            score=written.score,
        )


class ModelOut(BaseModel):
    """What wrote the descriptions."""

    id: str
    hash: str
    """SHA-256 of the weights."""
    engine: str
    """Signature of the engine that wrote: name, version, number format, batch size."""


class DescribeAnswer(BaseModel):
    """Descriptions in the order of the titles, what wrote them and how."""

    descriptions: list[DescriptionOut]
    model: ModelOut
    decoding: dict[str, Any]
    """The whole decoding that was used."""
    as_scored: bool
    """Whether that is the recipe's decoding, the one that its scores are about."""


class BatchLine(DescriptionOut):
    """One line of a batch's answer: the description of the title at a place."""

    index: int
    """Place of the title in the request, from 0."""


class ErrorOut(BaseModel):
    """What is wrong, where, and what mends it; once more under the names that OpenAI's clients read."""

    what: str
    where: str | None = None
    mend: str | None = None
    message: str = ""
    """What is wrong and what mends it, in one line."""
    type: str = "invalid_request_error"
    param: str | None = None
    """The same as `where`."""
    code: str | None = None

    @model_validator(mode="after")
    def _for_clients(self) -> Self:
        self.message = f"{self.what}; {self.mend}" if self.mend else self.what
        self.param = self.where
        return self


class ErrorAnswer(BaseModel):
    """Every answer that is not a success."""

    error: ErrorOut


def sentence(faults: Sequence[Any]) -> tuple[str, str]:
    """The first fault of a validation in words, and where it is."""
    fault = faults[0]
    where = ".".join(str(part) for part in fault["loc"] if part != "body") or "request body"
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        message = "there is no such key"
    if fault["type"] == "json_invalid":
        return f"the body is not JSON: {fault.get('ctx', {}).get('error', message)}", "request body"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{message[:1].lower()}{message[1:]}{more}", where
