"""What a model learns to write about a product: the whole reference, or only what its prompt supports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shelftalker import console
from shelftalker.checks.facts import drawn, mine, training_target
from shelftalker.checks.given import Given
from shelftalker.checks.language import main_language
from shelftalker.errors import ShelftalkerError
from shelftalker.product import Product
from shelftalker.recipe.recipe import Recipe

LEAST_WORDS = 8
"""Rows of whose reference fewer words may stand are not learnt from: they would teach to stop."""


def taught(rows: Sequence[Product], recipe: Recipe) -> list[Product]:
    """The rows as they are to be learnt (`finetune.targets`), with the facts that their prompts tell.

    Facts are mined from every reference; which of them a row is given is drawn by its uid and the seed: none, all or
    half. Sentences that need a fact which is not given are not learnt.

    Raises:
        ShelftalkerError: facts are to be learnt from, and the prompt has no place for them; or nothing is left.
    """
    wanted, prompt = recipe.finetune.targets, recipe.as_prompt
    if wanted == "whole":
        return list(rows)
    if wanted == "facts" and "{facts}" not in recipe.prompt:
        raise ShelftalkerError(
            "the prompt has no place for the facts that are to be learnt from",
            where="recipe keys finetune.targets and prompt",
            mend="put {facts} into the prompt, or set finetune.targets: supported",
        )
    found = []
    language = recipe.language or main_language(row.description for row in rows)
    for row in rows:
        told = prompt.given(row)
        given = Given(row.title, told.attributes, told.facts, language)
        kept = drawn(mine(row.description, given), row.uid, recipe.seed) if wanted == "facts" else []
        target = training_target(row.description, kept, given)
        if len(target.split()) >= LEAST_WORDS:
            facts = (*row.facts, *(fact.text for fact in kept))
            found.append(replace(row, description=target, facts=facts))
    if rows and not found:
        raise ShelftalkerError(
            "no reference has a sentence that its prompt supports",
            where="recipe key finetune.targets",
            mend="finetune.targets: facts, with {facts} in the prompt; or whole",
        )
    if len(found) < len(rows):
        console.note(
            f"{len(rows) - len(found):,} of {len(rows):,} references have nothing left that their prompts support"
        )
    return found
