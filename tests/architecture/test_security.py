"""The table of security requirements is what the tests' marks say."""

import tomllib

from tests.architecture.security import PAGE, REQUIREMENTS, marks, page


def test_the_page_is_made_from_the_marks() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.architecture.security`"


def test_every_mark_names_a_requirement() -> None:
    assert set(marks()) <= set(tomllib.loads(REQUIREMENTS.read_text(encoding="utf-8")))
