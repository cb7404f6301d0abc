"""The lock files say exactly what is installed, name no index, and are parts of one another."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FULL, DEMO, PRODUCTION = "requirements.lock", "requirements-demo.lock", "requirements-prod.lock"
NODE = "tests/node/package-lock.json"


def _locked(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)(?:\[[^]]*\])?==(\S+)", (ROOT / lock).read_text(), flags=re.MULTILINE))


def _required(*extras: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~;\s]", line, maxsplit=1)[0]).lower() for line in wanted}


@pytest.mark.parametrize("lock", [FULL, DEMO, PRODUCTION, NODE])
def test_a_lock_names_no_index(lock: str) -> None:
    assert "://" not in (ROOT / lock).read_text()


@pytest.mark.parametrize("lock", [FULL, DEMO, PRODUCTION])
def test_every_locked_package_has_its_hashes(lock: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    assert [entry for entry in entries if not re.match(r"\S+==\S+.* \\\n    --hash=sha256:", entry)] == []


@pytest.mark.parametrize(
    ("lock", "extras"),
    [(FULL, ["demo", "test", "check", "build"]), (DEMO, ["demo", "build"]), (PRODUCTION, ["build"])],
)
def test_a_lock_has_what_pyproject_asks_for(lock: str, extras: list[str]) -> None:
    assert _required(*extras) - set(_locked(lock)) == set(), "run `make lock`"


@pytest.mark.parametrize(("part", "whole"), [(PRODUCTION, DEMO), (DEMO, FULL)])
def test_a_smaller_lock_is_part_of_the_larger(part: str, whole: str) -> None:
    assert _locked(part).items() <= _locked(whole).items(), "run `make lock`"


def test_production_has_neither_the_demo_provider_nor_test_tools() -> None:
    assert (
        _locked(PRODUCTION).keys() & {"canaille", "flask", "playwright", "pytest", "hypothesis", "mypy", "uv"} == set()
    )


def test_every_npm_package_is_locked_exactly_with_its_hash_and_runs_nothing_when_installed() -> None:
    wanted = json.loads((ROOT / "tests/node/package.json").read_text())["dependencies"]
    locked = json.loads((ROOT / NODE).read_text())["packages"]
    assert locked.pop("")["dependencies"] == wanted, "run `make lock`"
    assert {name: version for name, version in wanted.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)} == {}
    assert [name for name, entry in locked.items() if not entry["integrity"].startswith("sha512-")] == []
    assert "ignore-scripts=true" in (ROOT / "tests/node/.npmrc").read_text().splitlines()
