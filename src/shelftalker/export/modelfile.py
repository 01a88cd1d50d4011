"""Ollama's Modelfile: the prompt, the stop token and the decoding that a model was scored with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shelftalker import prompt as prompts

if TYPE_CHECKING:
    from shelftalker.models.chat import Frame
    from shelftalker.recipe.decoding import Decoding
    from shelftalker.recipe.recipe import Recipe

_INPUT = "{{ .Prompt }}"


def modelfile(weights: str, recipe: Recipe, frame: Frame, ends: list[str]) -> str:
    """The Modelfile's text: `ollama create NAME -f Modelfile`, then `ollama run NAME "TITLE"`.

    A prompt that asks for the title alone becomes the template, and what is typed is a title. One that asks for more is
    typed whole, because Ollama knows one input only.

    Args:
        weights: the GGUF file beside it.
        recipe: prompt and decoding.
        frame: what stands around the prompt in a chat.
        ends: the model's end tokens.
    """
    asks_title_only = prompts.fields(recipe.prompt) == ["title"]
    inner = recipe.prompt.replace("{title}", _INPUT) if asks_title_only else _INPUT
    lines = [
        "# Made by shelftalker: the prompt, the stop tokens and the decoding with which the model was scored.",
        "# llama.cpp's repeat penalty counts the last words of the prompt too; shelftalker's counts the text alone.",
    ]
    if not asks_title_only:
        lines += ["# The whole prompt is the input. It was made from this template:"]
        lines += [f"#   {line}" for line in recipe.prompt.split("\n")]
    lines += [
        f"FROM ./{weights}",
        f'TEMPLATE """{frame.before}{inner}{frame.after}"""',
        *(f"PARAMETER stop {_quoted(end)}" for end in ends),
        *_parameters(recipe.decoding),
    ]
    return "\n".join(lines) + "\n"


def _parameters(decoding: Decoding) -> list[str]:
    """Decoding in Ollama's words; beams, bans and minimum lengths have none there."""
    found: dict[str, object] = {"num_predict": decoding.max_new_tokens, "repeat_penalty": decoding.repetition_penalty}
    if decoding.sample:
        found |= {"temperature": decoding.temperature, "top_k": decoding.top_k, "top_p": decoding.top_p}
        found |= {"min_p": 0.0, "seed": decoding.seed}
    else:
        found |= {"temperature": 0}
    said = [f"PARAMETER {name} {value}" for name, value in found.items()]
    lost = [
        name
        for name, is_lost in (
            ("beams", decoding.beams > 1),
            ("no_repeat_ngram", bool(decoding.no_repeat_ngram)),
            ("min_new_tokens", bool(decoding.min_new_tokens)),
            ("candidates", decoding.candidates > 1),
        )
        if is_lost
    ]
    return said + [f"# Ollama has nothing for decoding.{name}, which shelftalker used." for name in lost]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'
