"""A process that does nothing but guess one person's codes, until it is ended: each line in is a time and a code."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from bot.domain.identity import LinkedIdentity
from bot.ports.database import Transaction
from bot.services import step_up
from bot.services.step_up import CodePath, CodeRefusal
from storage.codec import to_identity
from storage.crypto import Keyring
from storage.database import open_database


async def guess(url: str, keys: Path, who: LinkedIdentity) -> None:
    """Try what comes in; say what came of it."""
    database = open_database(url, keys=Keyring.load(keys, now=datetime.now(UTC)))
    try:
        while line := (await asyncio.to_thread(sys.stdin.readline)).split():
            at, code = datetime.fromisoformat(line[0]), line[1]

            def work(tx: Transaction, now: datetime = at, typed: str = code) -> str:
                result = step_up.check_code(tx, who, typed, path=CodePath.PAGE, now=now)
                return result.value if isinstance(result, CodeRefusal) else "accepted"

            sys.stdout.write(f"{await database.write(work)}\n")
            sys.stdout.flush()
    finally:
        await database.close()


if __name__ == "__main__":
    asyncio.run(guess(sys.argv[1], Path(sys.argv[2]), to_identity(sys.argv[3])))
