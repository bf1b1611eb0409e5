"""Priorities in order, by word and by mark."""

import pytest

from bedside.priorities import Priority


def test_the_greater_one_wins() -> None:
    assert max(Priority) is Priority.HIGH
    assert Priority.LOW < Priority.MEDIUM < Priority.HIGH


def test_marks() -> None:
    assert {p.word: p.marks for p in Priority} == {"high": "***", "medium": "**", "low": "*"}


@pytest.mark.parametrize("priority", Priority)
def test_words(priority: Priority) -> None:
    assert Priority.from_word(priority.word) is priority


@pytest.mark.parametrize("word", ["", "urgent", "1", "low "])
def test_no_word(word: str) -> None:
    with pytest.raises(ValueError, match="expected low, medium or high"):
        Priority.from_word(word)
