"""What stands around a prompt: nothing, or a turn of the chat that an instruct model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shelftalker.errors import ShelftalkerError

Chat = Literal["plain", "chat"]
_MARK = "PROMPT-GOES-HERE"


@dataclass(frozen=True)
class Frame:
    """Text before and after a prompt, in the model's own words.

    Attributes:
        before: the template's text up to what the user says.
        after: from there to where the model answers.
        is_chat: the texts name all special tokens themselves, so the tokenizer adds none.
    """

    before: str = ""
    after: str = ""
    is_chat: bool = False

    def around(self, prompts: Sequence[str]) -> list[str]:
        """Prompts as the model reads them."""
        return [f"{self.before}{prompt}{self.after}" for prompt in prompts]

    @classmethod
    def read(cls, said: dict[str, Any] | None) -> Frame | None:
        """A frame as a folder keeps it; None: the model has no chat template."""
        return cls(**said) if said else None

    @property
    def lead(self) -> str:
        """What parts a causal model's text from its prompt: a space, or nothing where an answer begins a turn."""
        return "" if self.is_chat else " "


PLAIN = Frame()


def frame_of(tokenizer: Any) -> Frame | None:
    """The frame that a tokenizer's chat template makes of a single request; None: it has no template."""
    if not getattr(tokenizer, "chat_template", None):
        return None
    messages = [{"role": "user", "content": _MARK}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    before, mark, after = text.partition(_MARK)
    return Frame(before, after, is_chat=True) if mark else None


def chosen(chat: Chat, found: Frame | None, where: str) -> Frame:
    """The frame that the recipe asks for.

    Args:
        chat: the recipe's key.
        found: what `frame_of` gave for the model's tokenizer.
        where: the model, as the user wrote it.

    Raises:
        ShelftalkerError: a chat is asked for, and the model has no chat template.
    """
    if chat == "plain":
        return PLAIN
    if found is None:
        raise ShelftalkerError(
            "the model has no chat template, so it cannot be asked in a chat",
            where=f"recipe key chat: chat, with {where}",
            mend="use chat: plain, or an instruct model",
        )
    return found
