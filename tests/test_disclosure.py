"""The page that a clinic signs is the one that the code goes by."""

from tests.disclosure import PAGE, page


def test_the_disclosure_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "renew it: python -m tests.disclosure"
