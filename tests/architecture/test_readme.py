"""What the README says of the program is what the program says of itself."""

from tests.architecture.readme import README, with_tables


def test_the_tables_of_the_readme_are_those_of_the_program() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == with_tables(text), "run `python -m tests.architecture.readme`"
