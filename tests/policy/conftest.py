"""The policies as they are shipped, read once."""

from pathlib import Path

import pytest

from policy.cases import Case, read_cases
from policy.cedar import CedarEngine, load

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def engine() -> CedarEngine:
    return load()


@pytest.fixture(scope="session")
def cases() -> tuple[Case, ...]:
    return read_cases(HERE)
