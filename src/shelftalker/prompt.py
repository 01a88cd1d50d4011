"""The prompt: one template, rendered from a product and fitted to a budget of tokens, for every stage."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from shelftalker.errors import ShelftalkerError
from shelftalker.product import FACTS, Product, Source, with_facts

TEMPLATE = "Given a product title, generate its product description.\nTitle: {title}\nDescription:"
"""Byte for byte that of the original FLAN-T5 study."""

BLOCKS = ("attributes", "facts", "sources", "field")
"""Fields that stand for all that a product has of a kind, or for what is to be written; not for one attribute."""

Encode = Callable[[Sequence[str]], list[list[int]]]
"""Texts to token ids, with the special tokens that the model expects."""

_FIELD = re.compile(r"\{([^{}]*)\}")
# More characters than a tokeniser packs into a token over a whole prompt. It only bounds the work spent on absurd
# titles (a whole description pasted into the title column).
_CHARACTERS_A_TOKEN = 40
_FIELD_LINE = "Write: {field}"
_CUE_CHARACTERS = 400  # of the last line of a prompt that is not of the template


@lru_cache(maxsize=64)
def _named(template: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_FIELD.findall(template)))


def fields(template: str) -> list[str]:
    """Names of the fields in ``template``, in order, without repeats."""
    return list(_named(template))


@dataclass(frozen=True)
class Prepared:
    """A prompt ready for an engine.

    Attributes:
        text: the prompt, as it was made to fit.
        ids: its token ids, special tokens included.
        cut: it was longer than the limit, and this is the last field that lost words of the product's own; empty:
            nothing but sources was cut.
        given: what the prompt tells of the product: its title, the attributes and the facts that stand in it.
        begun: how the text begins, where that is known; an engine goes on from there.
    """

    text: str
    ids: tuple[int, ...]
    cut: str
    given: Product
    begun: str = ""


@dataclass(frozen=True)
class Prompt:
    """A template and the most tokens that a prompt made from it may have.

    Fields are ``{title}``, any attribute by its name, ``{attributes}`` (all others, a line each), ``{facts}`` (the
    product's, and those of its attribute `facts`) and ``{sources}``. A line of the template that has only fields of
    which the product has nothing is left out.
    ``{field}`` says what is to be written and how long it is to be, where that is not just the description; a template
    without it gets a line for it before its last one, in such prompts alone.

    Raises:
        ShelftalkerError: the template has no ``{title}``.
    """

    template: str = TEMPLATE
    max_tokens: int = 128

    def __post_init__(self) -> None:
        if "{title}" not in self.template:
            raise ShelftalkerError(
                "the prompt template has no {title}",
                where="recipe key prompt",
                mend=f"put {{title}} where the title belongs, as in {TEMPLATE!r}",
            )

    @property
    def names(self) -> list[str]:
        """The attributes that the template asks for by name."""
        return [name for name in fields(self.template) if name not in ("title", *BLOCKS)]

    @property
    def takes_all(self) -> bool:
        """Whether the template has a place for any attribute at all: ``{attributes}``."""
        return "attributes" in fields(self.template)

    @property
    def takes_facts(self) -> bool:
        """Whether the template has a place for facts."""
        return FACTS in fields(self.template)

    @property
    def shows_sources(self) -> bool:
        """Whether the template has a place for sources."""
        return "sources" in fields(self.template)

    def given(self, product: Product) -> Product:
        """What a prompt tells of ``product``: its title, and the attributes and facts that the template asks for."""
        asked, names = fields(self.template), set(self.names)
        product = self._known(product)
        return Product(
            title=product.title,
            attributes={
                name: text
                for name, text in product.attributes.items()
                if text and (name in names or "attributes" in asked)
            },
            facts=product.facts if "facts" in asked else (),
        )

    def render(self, product: Product, sources: Sequence[Source] = ()) -> str:
        """The prompt of a product, whatever its length; braces inside its texts are text, never fields."""
        return product.input_text or _fill(self._template_for(product), self._values(product, sources))

    def prepare(
        self, products: Sequence[Product], encode: Encode, sources: Sequence[Sequence[Source]] | None = None
    ) -> list[Prepared]:
        """Render prompts and make each fit into ``max_tokens``.

        What is too long loses words from its end, in this order: sources (the least near first), facts, attributes
        (the longest first), and the title last. What the template puts after the fields ("Description:") stays,
        because that is the model's cue to write.

        Args:
            products: what to write about.
            encode: an engine's or tokenizer's, from texts to token ids.
            sources: one list a product, nearest first; none: no sources.

        Raises:
            ShelftalkerError: the template alone is longer than ``max_tokens``.
        """
        shown = sources if sources is not None else [()] * len(products)
        longest = self.max_tokens * _CHARACTERS_A_TOKEN
        texts = [self.render(product, near) for product, near in zip(products, shown, strict=True)]
        ids = encode([text if len(text) <= longest else "" for text in texts]) if texts else []
        prepared = []
        for product, near, text, row in zip(products, shown, texts, ids, strict=True):
            if len(text) <= longest and len(row) <= self.max_tokens:
                prepared.append(Prepared(text, tuple(row), "", self.given(product)))
            else:
                prepared.append(self._shortened(product, near, encode))
        return prepared

    def _values(self, product: Product, sources: Sequence[Source]) -> dict[str, str]:
        """Field to text."""
        product = self._known(product)
        blocks = {name: "".join(pieces) for name, pieces in self._blocks(product).items()}
        near = "\n".join(
            f"{source.product.title}: {source.text}" if source.product.title else source.text for source in sources
        )
        return {**product.attributes, **blocks, "sources": near, "field": _told(product), "title": product.title}

    def _known(self, product: Product) -> Product:
        return with_facts(product) if self.takes_facts else product

    def _template_for(self, product: Product) -> str:
        if "{field}" in self.template or not _told(product):
            return self.template
        head, line_break, cue = self.template.rpartition("\n")
        # A template of one line has no cue of its own to stand before.
        lines = [head, _FIELD_LINE, cue] if line_break and "{title}" in head else [self.template, _FIELD_LINE]
        return "\n".join(lines)

    def _blocks(self, product: Product) -> dict[str, list[str]]:
        """Fields of several pieces, none of which is ever cut in two: a line an attribute, a phrase a fact."""
        product = self._known(product)
        others = [f"{name}: {text}" for name, text in product.attributes.items() if text and name not in self.names]
        return {
            "attributes": [f"{line}\n" for line in others[:-1]] + others[-1:],
            "facts": [f"{fact}; " for fact in product.facts[:-1]] + list(product.facts[-1:]),
        }

    def _shortened(self, product: Product, sources: Sequence[Source], encode: Encode) -> Prepared:
        if product.input_text:
            # A prompt of someone else's making: its last line is the cue, what stands before it gives way.
            head, line_break, cue = product.input_text.rpartition("\n")
            template, values = "{title}{cue}", {"title": head, "cue": (line_break + cue)[-_CUE_CHARACTERS:]}
            order, blocks = ["title", "cue"], dict[str, list[str]]()
        else:
            template = self._template_for(product)
            values, blocks = self._values(product, sources), self._blocks(product)
            longest_first = sorted(self.names, key=lambda name: (-len(values.get(name, "")), name))
            order = ["sources", "facts", "attributes", *longest_first, "title"]
        limit = self.max_tokens * _CHARACTERS_A_TOKEN
        values = {name: text if name in blocks else text[:limit] for name, text in values.items()}
        ids: list[int] = []
        for name in order:
            if not values.get(name):
                continue
            pieces = blocks.get(name) or _words(values[name])
            ids = _longest_that_fits(name, pieces, template, values, encode, self.max_tokens)
            if len(ids) <= self.max_tokens:
                text, left = _fill(template, values), self._left(product, values)
                return Prepared(text, tuple(ids), "" if name == "sources" else name, left)
        raise ShelftalkerError(
            f"the prompt template alone needs {len(ids)} tokens, and a prompt may have {self.max_tokens}",
            where="recipe keys prompt and prompt_tokens",
            mend=f"set prompt_tokens to {len(ids) + 32} or more, or shorten the template",
        )

    def _left(self, product: Product, values: Mapping[str, str]) -> Product:
        """What of ``given`` a shortened prompt still tells; the title is known whole, whatever was cut of it."""
        full = self.given(product)
        if product.input_text:
            return full
        lines, facts = values.get("attributes", "").split("\n"), values.get("facts", "")
        told = {
            name: values[name] if name in self.names else text if f"{name}: {text}" in lines else ""
            for name, text in full.attributes.items()
        }
        return replace(
            full,
            attributes={name: text for name, text in told.items() if text},
            facts=tuple(fact for fact in full.facts if fact in facts),
        )


def _told(product: Product) -> str:
    """What is to be written, and how long: "meta description, 155 characters"; nothing for a plain description."""
    if not product.field and not product.length:
        return ""
    name = product.field.replace("_", " ") or "description"
    return f"{name}, {product.length}" if product.length else name


def _fill(template: str, values: Mapping[str, str]) -> str:
    """The template's fields filled in a single pass, and its lines left out that would only have empty ones."""
    lines = []
    for line in template.split("\n"):
        names = _FIELD.findall(line)
        if names and "title" not in names and not any(values.get(name) for name in names):
            continue
        lines.append(_FIELD.sub(lambda match: values.get(match.group(1), ""), line))
    return "\n".join(lines)


def _words(text: str) -> list[str]:
    """A text's words, each with the white space before it; of a single word the letters."""
    words = re.findall(r"\s*\S+", text)
    return words if len(words) > 1 else list(text)


def _longest_that_fits(
    name: str, pieces: list[str], template: str, values: dict[str, str], encode: Encode, limit: int
) -> list[int]:
    """Cut pieces from the end of one field, as few as it takes; token ids of what is left (``values`` is changed)."""

    def encoded(kept: int) -> list[int]:
        values[name] = "".join(pieces[:kept]).rstrip("\n; ") if kept < len(pieces) else "".join(pieces)
        return encode([_fill(template, values)])[0]

    low, high = 0, len(pieces)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(encoded(middle)) <= limit else (low, middle - 1)
    return encoded(low)
