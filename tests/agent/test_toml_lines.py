"""Lines of keys in TOML, checked against what tomllib itself reads from the same text."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.toml_lines import KeyPath, lines_of

TEXT = '''\
# a comment with [brackets] and a = sign
site = "a#b"          # 2
owner . "first name" = 'c:\\'
"quoted.key" = """
text = "not a key"
[not.a.table] "" """

[table]               # 8
"\\u00e9" = 1979-05-27T07:32:00Z
list = [              # 10
  1, "]",  # ]
  [2, 3],
  { x = 1, y.z = 2 }, # 13
]
inline = { a = "}", b = [ { c = 1 } ] } # 15

[[device]]            # 17
name = "x"
[device.line]         # 19
baud = 9600
  [[ device ]]        # 21
name = \'\'\'
it\'s\'\'\'
[[device.part]]       # 24
n = 1
[[device.part]]
n = 2                 # 27
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("site",), 2),
        (("owner",), 3),
        (("owner", "first name"), 3),
        (("quoted.key",), 4),
        (("table",), 8),
        (("table", "é"), 9),
        (("table", "list"), 10),
        (("table", "list", 1), 11),
        (("table", "list", 2, 1), 12),
        (("table", "list", 3, "y", "z"), 13),
        (("table", "inline", "b", 0, "c"), 15),
        (("device", 0), 17),
        (("device", 0, "name"), 18),
        (("device", 0, "line"), 19),
        (("device", 0, "line", "baud"), 20),
        (("device", 1), 21),
        (("device", 1, "name"), 22),
        (("device", 1, "part", 0), 24),
        (("device", 1, "part", 1, "n"), 27),
    ],
)
def test_each_key_has_its_line(path: KeyPath, line: int) -> None:
    assert lines_of(TEXT)[path] == line


@pytest.mark.parametrize(
    "text", [TEXT, TEXT.replace("\n", "\r\n"), TEXT.rstrip("\n"), "", "# only\n", "a={}"]
)
def test_exactly_the_keys_that_tomllib_reads_are_found(text: str) -> None:
    assert set(lines_of(text)) == paths_of(tomllib.loads(text))


def paths_of(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    inside: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    found = {path} if path else set()
    for key, item in inside:
        found |= paths_of(item, (*path, key))
    return found


KEYS = st.sampled_from(["a", "b-1", '"c d"', "'e.f'", "g . h", '"\\"i"', '"\\u00e9"', '"#"'])
SCALARS = st.sampled_from(
    [
        "1",
        "-2.5e3",
        "true",
        "nan",
        '"x"',
        '"a # b"',
        '"\\\\"',
        "'\\'",
        "'''\n]\n'''''",
        '"""\n\\"""} = """',
        '"""x"""""',
        "07:32:00",
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[\n" + ", # ]\n".join(items) + "\n]"),
        st.lists(st.tuples(KEYS, inner), max_size=2, unique_by=lambda pair: pair[0]).map(
            lambda pairs: "{ " + ", ".join(f"{key} = {value}" for key, value in pairs) + " }"
        ),
    ),
    max_leaves=6,
)
STATEMENTS = st.one_of(
    st.tuples(KEYS, VALUES).map(lambda pair: f"{pair[0]} = {pair[1]}  # = ["),
    KEYS.map(lambda key: f"[{key}]"),
    KEYS.map(lambda key: f"[[ {key} ]]  # ]"),
    st.just(""),
)


@given(st.lists(STATEMENTS, max_size=12))
def test_any_valid_text_yields_exactly_its_keys_in_order(statements: list[str]) -> None:
    text = "\n".join(statements)
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    found = lines_of(text)
    assert set(found) == paths_of(read)
    for path, line in found.items():
        assert 1 <= line <= text.count("\n") + 1
        if isinstance(path[-1], str) and path[-1].isalnum() and path[-1].isascii():
            assert path[-1] in text.split("\n")[line - 1]
