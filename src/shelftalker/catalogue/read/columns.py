"""Which column is the title, the description, the id: the one that is given, else found by its name."""

from __future__ import annotations

import difflib
import functools
import re
import unicodedata
from collections.abc import Sequence

from shelftalker.catalogue.clean.shard import Columns
from shelftalker.catalogue.read import headers
from shelftalker.catalogue.read.row import printable
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.catalogue import PrepareSettings

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LOCALE = re.compile(
    r"^(?P<base>.+?)[\s_\-.:@\[(]+(?P<language>[a-z]{2})(?:[_-](?P<land>[a-z]{2}))?(?P<rest>\W.*)?$", re.I
)
_ROLES = {
    role: tuple(name.replace("_", "") for name in names)
    for role, names in (("title", headers.TITLE), ("description", headers.DESCRIPTION), ("id", headers.ID))
}
"""The names of each role, without what parts their words: "PRODUCTNAME" is one, too."""


@functools.lru_cache(4096)
def normal(name: str) -> str:
    """A column's name as it is compared: "Body (HTML)" is body_html, "productName" product_name, "Título" titulo.

    Letters of every script count; a name of signs alone is compared as it is, so that none is ever empty.
    """
    text = unicodedata.normalize("NFKC", _CAMEL.sub("_", name.strip().lstrip("\ufeff")))
    text = "".join(_bare(letter) for letter in text.casefold())
    return re.sub(r"[\W_]+", "_", text).strip("_") or name.strip()


def _bare(letter: str) -> str:
    """A Latin letter without its accent; those of other scripts are other letters with other marks."""
    if letter.isascii() or not unicodedata.name(letter, "").startswith("LATIN"):
        return letter
    return "".join(part for part in unicodedata.normalize("NFD", letter) if not unicodedata.combining(part))


def role_of(label: str) -> str | None:
    """What a column with such a name is: title, description or id; None where it is none of these."""
    parts = _locale(label)
    keys = [*_keys(label), *(_keys(parts[0]) if parts else [])]
    for role, known in _ROLES.items():
        if any(key in known for key in keys):
            return role
    return None


def find(names: Sequence[str], settings: PrepareSettings, keep: Sequence[str], where: str) -> Columns:
    """The columns that `prepare` reads.

    Raises:
        ShelftalkerError: a column that was given is not there, none is named like a title or a description, or there
            is one for each of several languages.
    """
    title, identity = title_and_id(names, settings, where)
    language = settings.locale or (_locale(title) or (None, ""))[1] or None
    description = given(settings.description_column, names, where, "prepare.description_column")
    description = description or by_role("description", [name for name in names if name != title], language, where)
    if description is None:
        raise _nothing("description", names, where)
    if identity == description:
        identity = by_role("id", [name for name in names if name not in (title, description)], language, where)
    kept = tuple((name, given(name, names, where, "prepare.keep_columns") or name) for name in keep)
    fields = tuple(
        (name, given(column, names, where, "prepare.fields") or column) for name, column in settings.fields.items()
    )
    for name, column in fields:
        if column in (title, description):
            raise ShelftalkerError(
                f"the field {name} is the {'title' if column == title else 'description'} itself",
                where=f"{where}, column {column!r} (prepare.fields)",
                mend="name another column, or leave it out: the description is always learnt",
            )
    return Columns(title, description, identity, kept, fields)


def title_and_id(names: Sequence[str], settings: PrepareSettings, where: str) -> tuple[str, str | None]:
    """The columns with the title and, where there is one, the id.

    Raises:
        ShelftalkerError: as `find`.
    """
    title = given(settings.title_column, names, where, "prepare.title_column")
    title = title or by_role("title", names, settings.locale, where)
    if title is None:
        raise _nothing("title", names, where)
    identity = given(settings.id_column, names, where, "prepare.id_column")
    identity = identity or by_role("id", [name for name in names if name != title], None, where)
    return title, identity


def by_role(role: str, names: Sequence[str], language: str | None, where: str) -> str | None:
    """The column that is named like a role; of several languages' the one that is asked for.

    Raises:
        ShelftalkerError: there are several languages, and none is asked for.
    """
    by_key: dict[str, str] = {}
    by_language: dict[str, dict[str, str]] = {}
    for name in reversed(names):
        for key in _keys(name):
            by_key[key] = name
        if (parts := _locale(name)) is not None:
            for key in _keys(parts[0]):
                by_language.setdefault(key, {})[name] = parts[1]
    for wanted in _ROLES[role]:
        spoken = by_language.get(wanted, {})
        if language is not None:
            named = [name for name, locale in spoken.items() if _speaks(locale, language)]
            if named:
                return named[-1]
        if wanted in by_key:
            return by_key[wanted]
        if len(set(spoken.values())) > 1:
            raise _several(role, list(reversed(spoken)), spoken, where)
        if spoken:
            return list(spoken)[-1]
    return None


def given(column: str | None, names: Sequence[str], where: str, key: str) -> str | None:
    """The column that the user named: as written, or but for letter case, accents and what parts its words.

    Raises:
        ShelftalkerError: there is none, or more than one could be meant.
    """
    if column is None or column in names:
        return column
    alike = [name for name in names if normal(name) == normal(column)]
    if len(alike) == 1:
        return alike[0]
    near = difflib.get_close_matches(column, names, n=1)
    what = f"there is no column {column!r}" if not alike else f"{column!r} may be any of several columns"
    mend = f"did you mean {near[0]!r}?" if near else "name one of these columns"
    raise ShelftalkerError(
        what,
        where=f"{where} ({key}); columns: {shown(alike or names)}",
        mend="write it as it stands" if alike else mend,
    )


def shown(names: Sequence[str]) -> str:
    """Column names for a message."""
    return ", ".join(printable(name) for name in names[:30]) + (", ..." if len(names) > 30 else "") or "no columns"


def _keys(name: str) -> list[str]:
    """What a name is looked up by: all of it, and without an XML prefix (g:title) or a template's star ("Name *")."""
    prefix, colon, local = name.partition(":")
    keys = [name, local] if colon and len(prefix) < 4 and local else [name]
    return [normal(key).replace("_", "") for key in keys]


def _locale(name: str) -> tuple[str, str] | None:
    """A name's part before a locale, and the locale: "description-en_US-ecommerce" is description, en_us."""
    found = _LOCALE.match(name.strip())
    if found is None or found["language"].casefold() not in headers.LOCALES:
        return None
    land = f"_{found['land']}" if found["land"] else ""
    return found["base"], f"{found['language']}{land}".casefold()


def _speaks(locale: str, language: str) -> bool:
    wanted = language.casefold().replace("-", "_")
    return locale == wanted or locale.split("_")[0] == wanted or locale == wanted.split("_")[0]


def _several(role: str, names: list[str], spoken: dict[str, str], where: str) -> ShelftalkerError:
    locales = list(dict.fromkeys(spoken[name] for name in names))
    return ShelftalkerError(
        f"there is a {role} in each of several languages",
        where=f"{where}: {shown(names)}",
        mend=f"say which: --prepare.locale {locales[0]}, or --prepare.{role}_column {names[0]!r}",
    )


def _nothing(role: str, names: Sequence[str], where: str) -> ShelftalkerError:
    return ShelftalkerError(
        f"no column is named like a {role}",
        where=f"{where}: {shown(names)}",
        mend=f"name it: --prepare.{role}_column COLUMN",
    )
