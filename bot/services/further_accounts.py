"""A second chat account of one person takes what the first did not: a code of an authenticator bound before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.audit import EventType
from bot.domain.identity import ChannelIdentity, LinkedIdentity
from bot.domain.proof import ProofMethod
from bot.errors import NotAllowed
from bot.ports.database import Transaction
from bot.services import step_up, throttling
from bot.services.audit_trail import Scribe
from bot.services.step_up import CodePath, CodeRefusal


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongCode:
    """A code that did not count."""

    refusal: CodeRefusal
    tries_left: int


def is_further(tx: Transaction, identity: LinkedIdentity, channel: ChannelIdentity) -> bool:
    """Whether this person has a chat account besides this one."""
    return any(link.channel != channel for link in tx.links.of_identity(identity))


def asks_for_code(tx: Transaction, identity: LinkedIdentity, channel: ChannelIdentity, now: datetime) -> bool:
    """Whether linking this chat account takes a code.

    Raises `NotAllowed` where it takes one and nothing gives any: a company password alone links no second account.
    """
    if not is_further(tx, identity, channel):
        return False
    if not any(item.method is ProofMethod.TOTP for item in step_up.usable(tx, identity, now)):
        raise NotAllowed("no authenticator for a further chat account", code="link.factor_missing")
    return True


def check_code(
    tx: Transaction,
    identity: LinkedIdentity,
    resource: str,
    code: str,
    scribe: Scribe,
    *,
    too_new_as_well: bool = False,
) -> WrongCode | None:
    """Check a code typed on a page of ours about `resource`; why not, where it does not count.

    A refusal is a value, so that the attempt that was counted stays counted.
    """
    result = step_up.check_code(
        tx, identity, code, path=CodePath.PAGE, now=scribe.time, too_new_as_well=too_new_as_well
    )
    refused = isinstance(result, CodeRefusal)
    tx.audit.append(
        scribe.event(
            EventType.PROOF_REFUSED if refused else EventType.PROOF_GIVEN,
            resource=resource,
            decision="deny" if refused else "allow",
            code=result.value if isinstance(result, CodeRefusal) else ProofMethod.TOTP.value,
        )
    )
    if not isinstance(result, CodeRefusal):
        return None
    left = throttling.codes_left(tx, identity.key, CodePath.PAGE.value, scribe.time)
    return WrongCode(refusal=result, tries_left=left)
