"""`adapters` and `policy` are names of packages on the public index: ours must be the ones that are imported."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("package", ["bot", "adapters", "policy", "storage"])
def test_the_package_resolves_inside_the_repository(package: str, tmp_path: Path) -> None:
    question = f"import importlib.util as u; print(u.find_spec({package!r}).origin)"
    answer = subprocess.run(
        [sys.executable, "-P", "-c", question], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(answer.stdout.strip()) == ROOT / package / "__init__.py"
