"""How we prove to a provider who we are: a secret, or a private key with its certificate (RFC 7523)."""

from __future__ import annotations

import re
from typing import Any

from bot.errors import Misconfigured

_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL)


def credential_of(secret: str | None, certificate: str | None) -> str | dict[str, Any]:
    """MSAL's client credential; raises Misconfigured unless exactly one of the two is there."""
    if bool(secret) == bool(certificate):
        raise Misconfigured("an identity provider needs client_secret or client_certificate, and not both")
    if secret:
        return secret
    blocks = {match[1]: match[0] for match in _BLOCK.finditer(certificate or "")}
    keys = [block for kind, block in blocks.items() if kind.endswith("PRIVATE KEY")]
    if len(keys) != 1 or "CERTIFICATE" not in blocks:
        raise Misconfigured("client_certificate must hold one private key and its certificate, both PEM")
    return {"private_key": keys[0], "public_certificate": blocks["CERTIFICATE"]}
