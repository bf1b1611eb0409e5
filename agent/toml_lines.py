"""Where in a TOML text each key and value stands: `tomllib` reads them, but does not say.

Only for text that `tomllib` has accepted, so the grammar here is the least that finds its way through it:

    [a.b]  [[a.b]]           a header; each element of an array of tables is counted from 0
    a . "b" . 'c' = VALUE    dotted, bare and quoted keys
    VALUE                    a string in one of four quotings, [ … ], { … }, or anything else up to , ] } #
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys and array positions from the top, as `tomllib` nests them."""

_SPACE: Final = re.compile(r"[ \t]*")
_SPACE_AND_LINES: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_STRING: Final = re.compile(
    r'"{3}(?:[^\\]|\\.)*?"{3,5}'  # a closing run may hold two quotes of the string itself
    r"|'{3}.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_ANYTHING_ELSE: Final = re.compile(r"[^,\]}#\n]+")
_SIMPLE_ESCAPES: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")


def lines_of(text: str) -> Mapping[KeyPath, int]:
    """The line, counted from 1, of each key, header and array element.

    A table that several headers open stands where it was opened first.
    """
    return _Walk(text).lines


class _Walk:
    """One pass over the text; `_at` is where it has come to."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0
        self._elements: Counter[KeyPath] = Counter()
        self.lines: dict[KeyPath, int] = {}
        table: KeyPath = ()
        self._skip(_SPACE_AND_LINES)
        while self._at < len(text):
            if text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_SPACE_AND_LINES)

    def _header(self) -> KeyPath:
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        *parents, last = self._key()
        self._at += 2 if is_array else 1
        path: KeyPath = ()
        for part in parents:
            path = self._into((*path, part))
        path = (*path, last)
        self._note(path)
        if is_array:
            self._elements[path] += 1
        path = self._into(path)
        self._note(path)
        return path

    def _into(self, path: KeyPath) -> KeyPath:
        """The path itself, or its newest element when it is an array of tables."""
        self._note(path)
        return (*path, self._elements[path] - 1) if path in self._elements else path

    def _pair(self, table: KeyPath) -> None:
        path = table
        for part in self._key():
            path = (*path, part)
            self._note(path)
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip(_SPACE)
            part = self._skip(_BARE_KEY)
            parts.append(part or _unquoted(self._skip(_STRING)))
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        opening = self._text[self._at]
        if opening == "[":
            self._list("]", path)
        elif opening == "{":
            self._list("}", path)
        else:
            self._skip(_STRING) or self._skip(_ANYTHING_ELSE)

    def _list(self, closing: str, path: KeyPath) -> None:
        self._at += 1
        position = 0
        self._skip(_SPACE_AND_LINES)
        while self._text[self._at] != closing:
            if closing == "]":
                self._note((*path, position))
                self._value((*path, position))
                position += 1
            else:
                self._pair(path)
            self._skip(_SPACE_AND_LINES)
            if self._text[self._at] == ",":
                self._at += 1
                self._skip(_SPACE_AND_LINES)
        self._at += 1

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found[0]

    def _note(self, path: KeyPath) -> None:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        self.lines.setdefault(path, self._line)


def _unquoted(quoted: str) -> str:
    inner = quoted[1:-1]
    return inner if quoted.startswith("'") else _ESCAPE.sub(_meant, inner)


def _meant(escape: re.Match[str]) -> str:
    digits = escape[1] or escape[2]
    return chr(int(digits, 16)) if digits else _SIMPLE_ESCAPES[escape[3]]
