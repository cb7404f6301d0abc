"""The certificates that Microsoft's hosts are checked against: read once, since reading them takes long."""

from __future__ import annotations

import ssl
from functools import cache

import httpx2


@cache
def tls() -> ssl.SSLContext:
    """The default trust store, whatever the environment names."""
    return httpx2.create_ssl_context(trust_env=False)
