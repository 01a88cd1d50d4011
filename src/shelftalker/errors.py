"""The one error type that a user is meant to read."""

from __future__ import annotations


class ShelftalkerError(Exception):
    """The user's input cannot be used: says what is wrong, where, and what mends it.

    Args:
        what: the fault in one sentence.
        where: the file, line, key or option at fault ("data/train.jsonl, line 12").
        mend: the command or value that mends it.

    The command line prints it without a traceback and exits with 2.
    """

    def __init__(self, what: str, *, where: str | None = None, mend: str | None = None) -> None:
        self.what = what
        self.where = where
        self.mend = mend
        super().__init__(self._text())

    def _text(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.mend:
            lines.append(f"  mend:  {self.mend}")
        return "\n".join(lines)
