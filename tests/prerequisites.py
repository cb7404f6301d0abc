"""Programs some tests drive: where one is missing they are skipped by name, except under CI, where they fail."""

import os
from typing import NoReturn

import pytest


def missing(program: str, package: str) -> NoReturn:
    """Skip the test, or fail it where CI=true."""
    sentence = f"{program} is missing: sudo apt-get install {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)
