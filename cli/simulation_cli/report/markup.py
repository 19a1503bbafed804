"""HTML from Python calls. Text is escaped where it is put in, so nothing that a cluster says can become markup."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NewType

Markup = NewType("Markup", str)
Content = Markup | str | int | float | None
EMPTY = frozenset({"meta", "rect", "path", "line"})


class _Made(str):
    """Text that `element` made itself."""

    __slots__ = ()


def element(name: str, /, *content: Content | Iterable[Content], **attributes: str | float) -> Markup:
    """<name>content</name>. `class_` and `for_` lose their underscore, other ones become hyphens; None is nothing."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items())
    inner = "".join(_text(each) for each in content)
    return Markup(_Made(f"<{name}{given}/>" if name in EMPTY and not inner else f"<{name}{given}>{inner}</{name}>"))


def _text(content: Content | Iterable[Content]) -> str:
    if content is None:
        return ""
    if isinstance(content, _Made):
        return content
    if isinstance(content, str | int | float):
        return escape(str(content))
    return "".join(_text(each) for each in content)


def raw(text: str) -> Markup:
    """A text of our own, such as a style sheet; never anything from a cluster."""
    return Markup(_Made(text))
