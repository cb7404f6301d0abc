"""Who writes the audit events of our pages."""

from __future__ import annotations

import secrets
from datetime import datetime

from bot.domain.identity import Person
from bot.services.audit_trail import Scribe


def scribe_of(person: Person | None, now: datetime) -> Scribe:
    """A scribe for one request."""
    principal = "" if person is None else person.identity.key
    return Scribe(time=now, channel="web", correlation=secrets.token_hex(8), principal=principal)
