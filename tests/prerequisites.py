"""Programs some tests drive: where one is missing they are skipped by name, except under CI, where they fail."""

import os
from typing import NoReturn

import pytest


def missing(program: str, package: str) -> NoReturn:
    """Skip the test, or fail it where CI=true."""
    missing_part(program, f"sudo apt-get install {package}")


def missing_part(part: str, mend: str) -> NoReturn:
    """The same, for what is not installed by apt."""
    sentence = f"{part} is missing: {mend}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)
