"""What the page's script needs to use a passkey: a challenge of ours, and which credentials may answer."""

from __future__ import annotations

import json
from datetime import datetime

from adapters.web.visitors import Visit
from bot.domain.identity import LinkedIdentity
from bot.errors import NotAllowed
from bot.ports.database import Transaction
from bot.ports.webauthn import WebAuthn
from bot.services import passkeys


def passkey_options(tx: Transaction, visit: Visit, webauthn: WebAuthn | None, *, signs: str) -> str:
    """JSON to sign `signs` with one of this visitor's passkeys. Raises `NotAllowed` where there is none."""
    return options_for(tx, visit.identity, webauthn, signs=signs, now=visit.now)


def options_for(
    tx: Transaction, identity: LinkedIdentity, webauthn: WebAuthn | None, *, signs: str, now: datetime
) -> str:
    """The same for whom a sign-in that waits has proven. Raises `NotAllowed` where they have none."""
    own = tx.passkeys.of_identity(identity)
    if webauthn is None or not own:
        raise NotAllowed("there is no passkey to use here", code="passkey.none")
    ceremony = passkeys.begin(tx, identity, signs=signs, now=now)
    options = webauthn.request_options(challenge=ceremony.challenge, allowed=own)
    return json.dumps({"ceremony": ceremony.handle, "options": json.loads(options)})


def creation_options(tx: Transaction, visit: Visit, webauthn: WebAuthn, *, waiting: str = "") -> str:
    """JSON to make a new passkey for this person; `waiting` is the digest of what the page shows."""
    identity = visit.identity
    signs = passkeys.binding_digest(identity, waiting)
    ceremony = passkeys.begin(tx, identity, signs=signs, now=visit.now)
    options = webauthn.creation_options(
        challenge=ceremony.challenge,
        account=visit.owner.username,
        handle=passkeys.user_handle(identity),
        bound=tx.passkeys.of_identity(identity),
    )
    return json.dumps({"ceremony": ceremony.handle, "options": json.loads(options)})
