"""The keys file: closed to others, wrapped by what the settings say, and taken in anew when it changes."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import IntegrityAlarm, KeysUnavailable, Misconfigured
from storage.crypto import Keyring, Purpose
from storage.key_file import FileRotation, InTheClear, KeyFile, LiveKeys

NOW = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)


class Reversing:
    """A key service in memory, which can be away."""

    kind = "reversing"
    bare = False
    away = False
    calls = 0

    def wrap(self, content: bytes) -> bytes:
        return content[::-1]

    def unwrap(self, wrapped: bytes) -> bytes:
        self.calls += 1
        if self.away:
            raise KeysUnavailable("away")
        return wrapped[::-1]


def key_file(path: Path) -> KeyFile:
    return KeyFile(path, InTheClear(), clock=lambda: NOW)


def wrapped_file(path: Path, service: Reversing) -> KeyFile:
    return KeyFile(path, service, clock=lambda: NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    Keyring.generate(now=NOW).save(path)
    return path


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o620, 0o644, 0o666, 0o777])
def test_a_file_that_is_open_to_others_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(Misconfigured) as refused:
        key_file(path).load()
    assert "chmod 600" in refused.value.detail


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440])
def test_a_file_of_this_account_or_of_the_service_group_is_taken(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert key_file(path).load().newest(Purpose.SEAL).made_at == NOW


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        key_file(tmp_path).load()
    with pytest.raises(Misconfigured):
        key_file(tmp_path / "missing").load()
    with pytest.raises(Misconfigured):
        key_file(Path("/dev/null")).load()


def test_a_file_keeps_its_mode_and_its_owner_when_it_changes(path: Path) -> None:
    path.chmod(0o440)
    file = key_file(path)
    file.save(file.load().with_standby(Purpose.SEAL))
    assert stat.S_IMODE(path.stat().st_mode) == 0o440
    assert list(path.parent.iterdir()) == [path]


def test_a_link_to_the_file_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(path)
    file = key_file(link)
    file.save(file.load().with_standby(Purpose.SEAL))
    assert link.is_symlink()
    assert key_file(path).load().standby(Purpose.SEAL) is not None


def test_a_wrapped_file_holds_no_key_in_the_clear_and_may_be_open(path: Path) -> None:
    service = Reversing()
    keys = key_file(path).load()
    file = wrapped_file(path, service)
    file.save(keys)
    text = path.read_text()
    assert json.loads(text)["kind"] == "reversing"
    assert "secret" not in text
    path.chmod(0o644)
    assert file.load().of(Purpose.SEAL) == keys.of(Purpose.SEAL)
    service.away = True
    with pytest.raises(KeysUnavailable):
        file.load()


def test_a_file_of_another_kind_is_refused(path: Path) -> None:
    with pytest.raises(Misconfigured) as clear:
        wrapped_file(path, Reversing()).load()
    assert "doorward keys wrap" in clear.value.detail
    wrapped_file(path, Reversing()).save(key_file(path).load())
    with pytest.raises(Misconfigured) as wrapped:
        key_file(path).load()
    assert "DOORWARD_KEYS__KIND" in wrapped.value.detail


@pytest.mark.parametrize("content", ["", "{", "[]", "1", '{"form": 3}', '{"form": 2, "kind": "file"}', '{"form": 2}'])
def test_a_spoilt_file_is_refused(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(Misconfigured):
        key_file(path).load()


def test_a_process_takes_a_new_key_in_and_writes_with_it_once_it_is_promoted(path: Path) -> None:
    live, file = LiveKeys.of(key_file(path)), key_file(path)
    old = live.ring.newest(Purpose.SEAL)
    rotation = FileRotation(file, file.load())
    new = rotation.add("seal", now=NOW)
    held = live.refresh()
    assert new in held.reads
    assert live.ring.newest(Purpose.SEAL) == old
    rotation.promote("seal", older_until=None)
    assert new in live.refresh().writes
    assert live.ring.of(Purpose.SEAL)[1:] == (old,)
    rotation.remove("seal", old.id)
    assert f"seal:{old.id}" not in live.refresh().reads


def test_the_key_that_is_written_with_cannot_be_removed(path: Path) -> None:
    file = key_file(path)
    keys = file.load()
    with pytest.raises(Misconfigured):
        FileRotation(file, keys).remove("seal", keys.newest(Purpose.SEAL).id)
    with pytest.raises(Misconfigured):
        FileRotation(file, keys).remove("seal", "unknown")


def test_an_unknown_key_is_looked_for_in_a_changed_file_and_only_there(path: Path) -> None:
    service = Reversing()
    file = wrapped_file(path, service)
    file.save(key_file(path).load())
    live = LiveKeys.of(file)
    for _ in range(3):
        with pytest.raises(IntegrityAlarm):
            live.ring.named(Purpose.SEAL, "forged")
    assert service.calls == 1, "the file had not changed"
    rotation = FileRotation(file, file.load())
    _, _, new = rotation.add("seal", now=NOW).partition(":")
    assert live.ring.named(Purpose.SEAL, new).id == new


def test_a_changed_file_that_cannot_be_read_leaves_the_keys_as_they_were(path: Path) -> None:
    live = LiveKeys.of(key_file(path))
    before = live.held()
    path.write_text("spoilt")
    with pytest.raises(Misconfigured):
        live.refresh()
    with pytest.raises(IntegrityAlarm):
        live.ring.named(Purpose.SEAL, "forged")
    assert live.held() == before


def test_one_command_changes_the_file_at_a_time(path: Path) -> None:
    with key_file(path).alone(), pytest.raises(Misconfigured), key_file(path).alone():
        pass
    with key_file(path).alone():
        pass


def test_a_key_past_its_end_is_not_taken_in(path: Path) -> None:
    file = key_file(path)
    rotation = FileRotation(file, file.load())
    rotation.add("csrf", now=NOW)
    rotation.promote("csrf", older_until=NOW)
    assert len(file.load().of(Purpose.CSRF)) == 1
