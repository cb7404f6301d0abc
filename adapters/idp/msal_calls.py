"""MSAL's operations, with what it breaks on turned into our errors: its texts may have tokens in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.idp.msal_client import MsalClient
from bot.errors import DoorwardError, ProviderUnavailable, SignInRefused


def redeem(client: MsalClient, flow: dict[str, Any], response: Mapping[str, str]) -> tuple[MsalClient, dict[str, Any]]:
    """Redeem the code. Raises `SignInRefused`."""
    try:
        return client, client.redeem(flow, response)
    except DoorwardError:
        raise
    except RuntimeError:
        # MSAL's own look at the nonce; its text has the token in it, so it goes no further
        raise SignInRefused("the token belongs to another sign-in", code="idp.nonce") from None
    except Exception:  # noqa: BLE001 - MSAL reads the token before we do, and breaks on one that is none
        raise SignInRefused("the token response cannot be read", code="idp.bad_token") from None


def on_behalf_of(client: MsalClient, assertion: str) -> tuple[MsalClient, dict[str, Any]]:
    """Exchange somebody's token. Raises `SignInRefused`."""
    try:
        return client, client.on_behalf_of(assertion)
    except DoorwardError:
        raise
    except Exception:  # noqa: BLE001 - as above
        raise SignInRefused("the token response cannot be read", code="idp.bad_token") from None


def refresh(client: MsalClient) -> tuple[MsalClient, dict[str, Any] | None]:
    """Force a refresh. Raises `ProviderUnavailable`."""
    try:
        return client, client.refresh()
    except DoorwardError:
        raise
    except Exception:  # noqa: BLE001 - as above
        raise ProviderUnavailable("the token response cannot be read", code="idp.bad_token") from None
