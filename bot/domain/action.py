"""The canonical action: what is decided, consented to, granted and done, in one byte string with one digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from bot.domain.canonical import canonical_json
from bot.domain.intent import ArgumentValue

SALT_BYTES = 16
"""128 bits, so that a digest never confirms a guess at the arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRef:
    """A resource by type (a Cedar entity type: `Leave`, `Payslip`, …) and id."""

    type: str
    id: str

    def __str__(self) -> str:
        return f"{self.type}::{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalAction:
    """Who does what to which resource with which arguments, defaults filled in and values normalised."""

    principal: str
    """`LinkedIdentity.key` of the acting person."""
    capability: str
    action: str
    """The Cedar action."""
    resource: ResourceRef
    arguments: dict[str, ArgumentValue] = field(default_factory=dict)
    salt: str
    """Hexadecimal, 128 bits."""

    def canonical(self) -> bytes:
        """The JSON Canonicalization Scheme form (RFC 8785 §3.2)."""
        return canonical_json(
            {
                "v": 1,
                "principal": self.principal,
                "capability": self.capability,
                "action": self.action,
                "resource": {"type": self.resource.type, "id": self.resource.id},
                "arguments": dict(self.arguments),
                "salt": self.salt,
            }
        )

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical form, hexadecimal: what card, dialog, page, proof, grant and audit carry."""
        return hashlib.sha256(self.canonical()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceFacts:
    """What policy may know of a resource: no content (DESIGN §3.5)."""

    ref: ResourceRef
    owner: str | None = None
    """Employee reference of the owner (HR), or the owning representative (CRM)."""
    manager: str | None = None
    """Employee reference of the person the HR system says decides for the owner."""
    department: str | None = None
    region: str | None = None
    state: str | None = None
    amount: int | None = None
    version: str = ""
    decided_by: str | None = None
    """Who decided on it, as the system names them; said to people, never decided on."""
