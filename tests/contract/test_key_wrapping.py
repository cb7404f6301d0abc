"""Key encryption by AWS KMS, against a KMS that others wrote: what is wrapped opens here, and nowhere else."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.keys.aws_kms import AwsKms
from bot.bootstrap.installation import keyring, make_keys
from bot.bootstrap.keys import key_file
from bot.bootstrap.shell_keys import wrap
from bot.errors import IntegrityAlarm, KeysUnavailable, Misconfigured
from bot.settings.tree import load
from storage.crypto import Keyring, Purpose
from storage.key_file import FileRotation, LiveKeys
from tests.fakes.key_service import CREDENTIALS, REGION, KeyService, key_service
from tests.fakes.shell import NOON

CONTENT = b"the keys, written down: canary"


@pytest.fixture(scope="module")
def service() -> Iterator[KeyService]:
    with key_service() as running:
        yield running


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As AWS's own chain finds them, and nothing of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


def kms(service: KeyService, key_id: str, **more: object) -> AwsKms:
    given: dict[str, object] = {"region": REGION, "installation": "one", "endpoint_url": service.url, **more}
    return AwsKms(key_id=key_id, **given)  # type: ignore[arg-type]  # the test names the fields


def environ(service: KeyService, key_id: str, path: Path) -> dict[str, str]:
    return {
        "DOORWARD_ENVIRONMENT": "development",
        "DOORWARD_KEYS__KIND": "aws_kms",
        "DOORWARD_KEYS__FILE": str(path),
        "DOORWARD_KEYS__AWS_KMS__KEY_ID": key_id,
        "DOORWARD_KEYS__AWS_KMS__REGION": REGION,
        "DOORWARD_KEYS__AWS_KMS__ENDPOINT_URL": service.url,
    }


@pytest.mark.requirement("26")
def test_what_is_wrapped_opens_again_and_shows_nothing(service: KeyService) -> None:
    one = kms(service, service.new_key())
    wrapped = one.wrap(CONTENT)
    assert one.unwrap(wrapped) == CONTENT
    assert b"canary" not in wrapped
    assert b"canary" not in base64.b64decode(json.loads(wrapped)["sealed"])
    assert one.wrap(CONTENT) != wrapped


@pytest.mark.requirement("26")
def test_it_opens_for_no_other_installation_and_under_no_other_key(service: KeyService) -> None:
    key_id, other = service.new_key(), service.new_key()
    wrapped = kms(service, key_id).wrap(CONTENT)
    with pytest.raises((IntegrityAlarm, KeysUnavailable)):
        kms(service, key_id, installation="two").unwrap(wrapped)
    with pytest.raises((IntegrityAlarm, KeysUnavailable)):
        kms(service, other).unwrap(wrapped)


@pytest.mark.requirement("26")
@pytest.mark.parametrize("part", ["sealed", "data_key"])
def test_an_altered_file_opens_nowhere(service: KeyService, part: str) -> None:
    one = kms(service, service.new_key())
    document = json.loads(one.wrap(CONTENT))
    altered = bytearray(base64.b64decode(document[part]))
    altered[-1] ^= 1
    document[part] = base64.b64encode(altered).decode()
    with pytest.raises((IntegrityAlarm, KeysUnavailable)):
        one.unwrap(json.dumps(document).encode())


@pytest.mark.parametrize("wrapped", [b"", b"{}", b"[]", b'{"data_key": 1, "sealed": 2}', b'{"data_key": "x"}'])
def test_what_is_no_wrapped_file_is_an_alarm(service: KeyService, wrapped: bytes) -> None:
    with pytest.raises(IntegrityAlarm):
        kms(service, "any").unwrap(wrapped)


def test_a_key_that_is_gone_gives_nothing_out_and_says_why(service: KeyService) -> None:
    with pytest.raises(KeysUnavailable) as refused:
        kms(service, "00000000-0000-0000-0000-000000000000").wrap(CONTENT)
    assert "NotFoundException" in refused.value.detail


def test_a_service_that_is_away_is_unavailable_soon(service: KeyService) -> None:
    begun = time.monotonic()
    away = AwsKms(key_id="k", region=REGION, installation="one", endpoint_url="http://127.0.0.1:9", seconds=1)
    with pytest.raises(KeysUnavailable):
        away.wrap(CONTENT)
    assert time.monotonic() - begun < 10


def test_without_credentials_no_metadata_address_is_asked(service: KeyService, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.2/credentials")
    with pytest.raises(KeysUnavailable) as refused:
        kms(service, "k").wrap(CONTENT)
    assert "NoCredentials" in refused.value.detail


def test_the_environment_does_not_lead_the_keys_elsewhere(service: KeyService, monkeypatch: pytest.MonkeyPatch) -> None:
    one_id = service.new_key()
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    one = kms(service, one_id)
    assert one.unwrap(one.wrap(CONTENT)) == CONTENT


@pytest.mark.requirement("27")
def test_a_whole_installation_lives_on_wrapped_keys_and_rotates_them(service: KeyService, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    settings = load(environ(service, service.new_key(), path))
    make_keys(settings, None, NOON)
    assert "secret" not in path.read_text()
    live, file = LiveKeys.of(key_file(settings)), key_file(settings)
    rotation = FileRotation(file, file.load())
    new = rotation.add("seal", now=NOON)
    assert new in live.refresh().reads
    rotation.promote("seal", older_until=None)
    assert new in live.refresh().writes
    assert keyring(settings, NOON).newest(Purpose.SEAL).id == new.partition(":")[2]


@pytest.mark.requirement("27")
def test_a_file_in_the_clear_moves_to_kms_and_from_one_kms_key_to_another(service: KeyService, tmp_path: Path) -> None:
    path, first, second = tmp_path / "keys.json", service.new_key(), service.new_key()
    keys = Keyring.generate()
    keys.save(path)
    with pytest.raises(Misconfigured) as refused:
        keyring(load(environ(service, first, path)), NOON)
    assert "doorward keys wrap" in refused.value.detail
    wrap(load(environ(service, first, path)))
    assert "secret" not in path.read_text()
    moving = {**environ(service, second, path), "DOORWARD_KEYS__AWS_KMS__OLDER_KEY_IDS": first}
    wrap(load(moving))
    moved = keyring(load(environ(service, second, path)), NOON)
    assert moved.newest(Purpose.SEAL).secret == keys.newest(Purpose.SEAL).secret
