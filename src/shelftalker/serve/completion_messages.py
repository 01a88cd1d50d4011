"""OpenAI's requests for completions, as far as a model that describes products can honour them, and their answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shelftalker.checks.check import check
from shelftalker.errors import ShelftalkerError
from shelftalker.product import Product
from shelftalker.recipe.decoding import Decoding
from shelftalker.serve.messages import DescribeRequest, DescriptionOut, Limits, Overrides, Title, sentence
from shelftalker.writing.written import Written

_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "audio": (),
    "best_of": (1,),
    "echo": (False,),
    "frequency_penalty": (0,),
    "function_call": ("none",),
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False,),
    "metadata": ({},),
    "modalities": (["text"],),
    "parallel_tool_calls": (True, False),
    "presence_penalty": (0,),
    "response_format": ({"type": "text"},),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "suffix": ("",),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
    "top_logprobs": (0,),
}
"""OpenAI's keys that this server has nothing for, with the values that ask for nothing; null is one for all."""


class StreamOptions(BaseModel):
    """What a stream holds beside the text."""

    model_config = ConfigDict(extra="ignore")

    include_usage: bool | None = None


class _Request(BaseModel):
    """What both kinds of completion share."""

    # Unknown keys are refused below, with OpenAI's own told from typos.
    model_config = ConfigDict(extra="allow")

    model: str
    """The id that GET /v1/models says."""
    n: int | None = Field(None, ge=1, le=Limits.candidates)
    """Descriptions a title; more than one need sampling. Each adds its number to the seed."""
    max_tokens: int | None = Field(None, ge=1)
    """decoding.max_new_tokens; none: the model's own."""
    temperature: float | None = Field(None, ge=0, le=2)
    """0: the likeliest text; above: decoding.temperature, sampling; none: the model's own decoding."""
    top_p: float | None = Field(None, gt=0, le=1)
    """decoding.top_p, where text is sampled."""
    seed: int | None = None
    """decoding.seed; has a say only where text is sampled."""
    stop: str | list[str] | None = Field(None, max_length=4)
    """The text is cut before the first of these."""
    stream: bool | None = None
    """Send the answer as server-sent events: each text in one piece, once it is written and checked."""
    stream_options: StreamOptions | None = None
    user: str | None = None
    """Whoever asks; neither read nor kept."""
    columns: dict[str, str] | list[dict[str, str]] = {}
    """Beyond OpenAI: attributes, as in POST /describe."""
    decoding: dict[str, Any] | None = None
    """Beyond OpenAI: decoding keys, as in POST /describe."""

    def titles(self) -> list[str]:
        """The titles asked about."""
        raise NotImplementedError

    def length(self) -> int | None:
        """Tokens at most."""
        return self.max_tokens

    def products(self) -> list[Product]:
        """The products asked about, in order.

        Raises:
            ShelftalkerError: a key that cannot be honoured.
        """
        for key, value in (self.model_extra or {}).items():
            if key not in _NEUTRAL:
                raise ShelftalkerError("there is no such key", where=key, mend="leave it out")
            if value is not None and value not in _NEUTRAL[key]:
                raise ShelftalkerError(
                    "this model cannot honour it: it writes one description from one title",
                    where=key,
                    mend="leave it out",
                )
        try:
            return DescribeRequest(titles=self.titles(), columns=self.columns).products()
        except ValidationError as error:
            what, where = sentence(error.errors())
            # A prompt's own faults were found where it was read, so this is a chat's title.
            raise ShelftalkerError(what, where="messages" if where.startswith("titles") else where) from None

    def decodings(self, base: Decoding, limits: Limits) -> list[Decoding]:
        """One decoding a choice.

        Raises:
            ShelftalkerError: keys that contradict each other, or values above the limits.
        """
        changes: dict[str, Any] = dict(self.decoding or {})
        if self.length() is not None:
            changes["max_new_tokens"] = self.length()
        if self.temperature is not None:
            changes |= {"sample": True, "temperature": self.temperature} if self.temperature else {"sample": False}
        samples = changes.get("sample", base.sample)
        if self.top_p is not None and samples:
            changes["top_p"] = self.top_p
        elif self.top_p not in (None, 1) and self.temperature is None:
            raise ShelftalkerError(
                "this model takes the likeliest text, so top_p has no say", where="top_p", mend="send temperature too"
            )
        if self.seed is not None and samples:
            changes["seed"] = self.seed
        try:
            asked = DescribeRequest(title="-", decoding=Overrides.model_validate(changes))
        except ValidationError as error:
            what, where = sentence(error.errors())
            raise ShelftalkerError(what, where=f"decoding.{where}") from None
        decoding = asked.decoding_over(base, limits)
        count = self.n or 1
        if count > 1 and not decoding.sample:
            raise ShelftalkerError(
                "without sampling all choices would be the same", where="n", mend="send a temperature above 0 too"
            )
        if count * len(self.titles()) > limits.titles:
            raise ShelftalkerError(
                "more texts than one request may ask for", where="n", mend=f"{limits.titles} titles times n at most"
            )
        return [decoding.model_copy(update={"seed": decoding.seed + number}) for number in range(count)]

    def cut(self, written: Written) -> Written:
        """A description up to the first stop sequence, checked again where that changed it."""
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        places = [written.text.find(stop) for stop in stops if stop]
        end = min((place for place in places if place >= 0), default=None)
        if end is None:
            return written
        text = written.text[:end].rstrip()
        findings = tuple(check(text, written.given)) if text else ()
        return dataclasses.replace(written, text=text, findings=findings, hit_cap=False)


class CompletionRequest(_Request):
    """A prompt is one product's title, not an instruction; a list of prompts: one title each."""

    prompt: list[Title] = Field(min_length=1, max_length=Limits.titles)

    @field_validator("prompt", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        if isinstance(value, list) and value and not all(isinstance(one, str) for one in value):
            raise ValueError("a prompt is a product's title as text, not token ids")
        return [value] if isinstance(value, str) else value

    def titles(self) -> list[str]:
        """See `_Request.titles`."""
        return self.prompt


class Part(BaseModel):
    """A part of a message's content."""

    type: str
    text: str = ""


class Message(BaseModel):
    """One message of a chat."""

    role: str
    content: str | list[Part] | None = None


class ChatRequest(_Request):
    """The last message, the user's, is one product's title; earlier turns are not read, each title stands alone."""

    messages: list[Message] = Field(min_length=1, max_length=1000)
    max_completion_tokens: int | None = Field(None, ge=1)
    """decoding.max_new_tokens; the newer name of max_tokens."""

    def length(self) -> int | None:
        """See `_Request.length`."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    def titles(self) -> list[str]:
        """See `_Request.titles`.

        Raises:
            ShelftalkerError: instructions, which this model cannot follow, or no title.
        """
        for number, message in enumerate(self.messages):
            if message.role not in ("user", "assistant"):
                raise ShelftalkerError(
                    f"a {message.role} message cannot be honoured: this model follows no instructions",
                    where=f"messages.{number}",
                    mend="send the product's title alone, as a user message",
                )
        last = self.messages[-1]
        where = f"messages.{len(self.messages) - 1}"
        if last.role != "user":
            raise ShelftalkerError("the last message is not the user's", where=where, mend="end with a title")
        if isinstance(last.content, list) and any(part.type != "text" for part in last.content):
            raise ShelftalkerError("a title is text; pictures and sounds cannot be read", where=where)
        parts = last.content if isinstance(last.content, list) else [Part(type="text", text=last.content or "")]
        return [" ".join(part.text for part in parts)]


class Usage(BaseModel):
    """Tokens that the model read and wrote."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, written: Sequence[Written], each: int) -> Self:
        """Their sums; of ``each`` choices a title the prompt counts once."""
        read, wrote = sum(one.prompt_tokens for one in written[::each]), sum(one.tokens for one in written)
        return cls(prompt_tokens=read, completion_tokens=wrote, total_tokens=read + wrote)


def known(written: Written) -> dict[str, Any]:
    """What a choice says beyond OpenAI's own keys: all of POST /describe but the text itself."""
    return DescriptionOut.of(written).model_dump(exclude={"description"})


def reason(written: Written) -> str:
    """Why a text ended, in OpenAI's words."""
    return "length" if written.hit_cap else "stop"
