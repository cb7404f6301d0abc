"""Passkeys through py_webauthn: one relying party, user verification required, no attestation asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from bot.domain.passkey import Passkey
from bot.errors import NotProven
from bot.ports.webauthn import NewCredential

TIMEOUT_MILLISECONDS = 120_000
TRANSPORTS = frozenset(transport.value for transport in AuthenticatorTransport)
VERIFIED = UserVerificationRequirement.REQUIRED


class PyWebAuthn:
    """See `bot.ports.webauthn.WebAuthn`."""

    def __init__(self, *, rp_id: str, origin: str, name: str = "Doorward") -> None:
        self._rp_id = rp_id
        self._origin = origin
        self._name = name

    def creation_options(self, *, challenge: bytes, account: str, handle: bytes, bound: Sequence[Passkey]) -> str:
        options = webauthn.generate_registration_options(
            rp_id=self._rp_id,
            rp_name=self._name,
            user_name=account,
            user_id=handle,
            challenge=challenge,
            timeout=TIMEOUT_MILLISECONDS,
            exclude_credentials=_descriptors(bound),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED, user_verification=VERIFIED
            ),
        )
        return webauthn.options_to_json(options)

    def request_options(self, *, challenge: bytes, allowed: Sequence[Passkey]) -> str:
        options = webauthn.generate_authentication_options(
            rp_id=self._rp_id,
            challenge=challenge,
            timeout=TIMEOUT_MILLISECONDS,
            allow_credentials=_descriptors(allowed),
            user_verification=VERIFIED,
        )
        return webauthn.options_to_json(options)

    def created(self, response: str, *, challenge: bytes) -> NewCredential:
        try:
            verified = webauthn.verify_registration_response(
                credential=response,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except Exception as exc:  # noqa: BLE001 - whatever it stumbles over was sent by a browser
            raise _refused(exc) from None
        return NewCredential(
            id=bytes_to_base64url(verified.credential_id),
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            transports=_transports(response),
        )

    def named(self, response: str) -> str:
        try:
            found = json.loads(response)["id"]
        except (ValueError, TypeError, KeyError, RecursionError) as exc:
            raise _refused(exc) from None
        if not isinstance(found, str):
            raise NotProven("a credential id is text", code="passkey.wrong")
        return found

    def asserted(self, response: str, *, challenge: bytes, passkey: Passkey) -> int:
        try:
            verified = webauthn.verify_authentication_response(
                credential=response,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                credential_public_key=passkey.public_key,
                # The counter is compared where it is stored, in one step: see `PasskeyStore.used`.
                credential_current_sign_count=0,
                require_user_verification=True,
            )
        except Exception as exc:  # noqa: BLE001 - whatever it stumbles over was sent by a browser
            raise _refused(exc) from None
        if bytes_to_base64url(verified.credential_id) != passkey.id:
            raise NotProven("the assertion names another credential", code="passkey.wrong")
        return verified.new_sign_count


def relying_party(public_url: str) -> PyWebAuthn | None:
    """The relying party of our address; None where there can be none: an IP address is no domain (WebAuthn §5.1.2)."""
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    try:
        ip_address(host)
    except ValueError:
        pass
    else:
        return None
    if not host or not (parts.scheme == "https" or host == "localhost"):
        return None  # no secure context, no passkeys
    return PyWebAuthn(rp_id=host, origin=f"{parts.scheme}://{parts.netloc}")


def _descriptors(passkeys: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(passkey.id),
            transports=[AuthenticatorTransport(name) for name in passkey.transports if name in TRANSPORTS],
        )
        for passkey in passkeys
    ]


def _transports(response: str) -> tuple[str, ...]:
    """What the browser says of the ways to reach the authenticator: a hint, so only known words of it."""
    said = json.loads(response).get("response", {}).get("transports") or []
    return tuple(sorted({name for name in said if isinstance(name, str)} & TRANSPORTS))


def _refused(error: Exception) -> NotProven:
    """Its text may quote what was sent, so only the library's own kind of refusal is told."""
    kind = type(error).__name__ if isinstance(error, WebAuthnException) else "malformed"
    return NotProven(f"the passkey's response was refused ({kind})", code="passkey.wrong")
