"""A claims challenge: what an identity provider wants to see in the next sign-in of somebody."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """Taken back to the provider that made it and to no other; it says nothing about the person, and gives no right."""

    provider: str
    """Whose it is: the name in the settings."""
    claims: str = field(repr=False)
    """The `claims` request parameter (OpenID Connect Core §5.5), checked and bounded by the provider's adapter."""
    until: datetime
