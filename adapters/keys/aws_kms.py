"""AWS KMS keeps the keys file shut: envelope encryption under a key that never leaves the service.

A file is sealed with AES-256-GCM under a data key of its own (`GenerateDataKey`), and only KMS can unwrap that
(`Decrypt`): one call when the keys are loaded, one when they change, none a message. The encryption context is sent
with both calls, stands in KMS's own log, and is the associated data of our ciphertext too.
See: https://docs.aws.amazon.com/kms/latest/developerguide/kms-cryptography.html#enveloping
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.errors import IntegrityAlarm, KeysUnavailable

if TYPE_CHECKING:
    from mypy_boto3_kms.client import KMSClient

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 3.0
ATTEMPTS = 2
NONCE_BYTES = 12
NOT_THIS_KEY = frozenset({"IncorrectKeyException"})
ALTERED = frozenset({"InvalidCiphertextException"})
FROM_METADATA = ("container-role", "iam-role")
"""Botocore's names for credentials that come from a link-local metadata address."""


class AwsKms:
    """See `bot.ports.keys.KeyWrapping`. Boto3's client may be used from any thread."""

    kind = "aws_kms"
    bare = False

    def __init__(
        self,
        *,
        key_id: str,
        region: str,
        installation: str,
        older_key_ids: Sequence[str] = (),
        endpoint_url: str | None = None,
        metadata_credentials: bool = False,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        """Nothing is reached yet. `older_key_ids` still unwrap, for the move from one KMS key to another."""
        self._key_id = key_id
        self._keys = (key_id, *older_key_ids)
        self._context = {"application": "doorward", "installation": installation, "use": "keys file"}
        self._client = _client(region, endpoint_url, seconds, metadata_credentials=metadata_credentials)

    def wrap(self, content: bytes) -> bytes:
        """Seal under a new data key. Raises `KeysUnavailable`."""
        try:
            made = self._client.generate_data_key(
                KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=self._context
            )
        except (ClientError, BotoCoreError) as error:
            raise _unavailable(error) from None
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + AESGCM(made["Plaintext"]).encrypt(nonce, content, self._bound(made["CiphertextBlob"]))
        return json.dumps(
            {"key": made["KeyId"], "data_key": _text(made["CiphertextBlob"]), "sealed": _text(sealed)}
        ).encode()

    def unwrap(self, wrapped: bytes) -> bytes:
        """Open what `wrap` made. Raises `KeysUnavailable`, `IntegrityAlarm`."""
        try:
            document = json.loads(wrapped)
            data_key, sealed = base64.b64decode(document["data_key"]), base64.b64decode(document["sealed"])
        except (ValueError, KeyError, TypeError):
            raise IntegrityAlarm("the wrapped keys are malformed") from None
        plain = self._unwrapped(data_key)
        try:
            return AESGCM(plain).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._bound(data_key))
        except (InvalidTag, ValueError):
            raise IntegrityAlarm("the wrapped keys were altered, or wrapped for another installation") from None

    def _unwrapped(self, data_key: bytes) -> bytes:
        """The key is named with every call: whoever writes the file does not choose a KMS key of their own for us."""
        refused: Exception | None = None
        for key_id in self._keys:
            try:
                answer = self._client.decrypt(CiphertextBlob=data_key, KeyId=key_id, EncryptionContext=self._context)
            except ClientError as error:
                if _code(error) in ALTERED:
                    raise IntegrityAlarm("KMS does not open the data key of the keys file") from None
                # Perhaps it is under another of the keys.
                refused = refused if _code(error) in NOT_THIS_KEY else error
            except BotoCoreError as error:
                raise _unavailable(error) from None
            else:
                return answer["Plaintext"]
        if refused is not None:
            raise _unavailable(refused)
        raise IntegrityAlarm("the keys file was wrapped under a KMS key that the settings do not name")

    def _bound(self, data_key: bytes) -> bytes:
        return json.dumps([self.kind, self._context, _text(data_key)], sort_keys=True).encode()


def _client(region: str, endpoint_url: str | None, seconds: float, *, metadata_credentials: bool) -> KMSClient:
    session = botocore.session.get_session()
    if not metadata_credentials:
        for name in FROM_METADATA:
            session.get_component("credential_provider").remove(name)
    client: Any = boto3.session.Session(botocore_session=session).client(
        "kms",
        region_name=region,
        # Named by us: environment and profiles must not lead the keys elsewhere.
        endpoint_url=endpoint_url or f"https://kms.{region}.amazonaws.com",
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=seconds,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            proxies={},
        ),
    )
    kms: KMSClient = client
    return kms


def _unavailable(error: Exception) -> KeysUnavailable:
    """Only the kind of error: its text may hold what was sent."""
    told = _code(error) if isinstance(error, ClientError) else type(error).__name__
    return KeysUnavailable(f"AWS KMS does not give out the keys ({told})")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
