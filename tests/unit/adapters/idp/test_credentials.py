"""How we prove to a provider who we are."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

from adapters.idp.credentials import credential_of
from adapters.idp.metadata import ProviderMetadata
from adapters.idp.msal_client import Kind, MsalClient, Registration
from adapters.idp.transport import Answer
from bot.errors import Misconfigured

TOKEN_ENDPOINT = "https://idp.example/corp/token"


def pem(now: datetime) -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "doorward")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), certificate.decode()


def test_a_secret_is_used_as_it_is() -> None:
    assert credential_of("s", None) == "s"


@pytest.mark.parametrize(("secret", "certificate"), [(None, None), ("", ""), ("s", "c"), (None, "c")])
def test_neither_both_nor_a_half_is_refused(secret: str | None, certificate: str | None) -> None:
    with pytest.raises(Misconfigured):
        credential_of(secret, certificate)


def test_a_certificate_signs_a_new_assertion_for_the_token_endpoint_each_time(now: datetime) -> None:
    private, certificate = pem(now)
    sent: list[str] = []

    def post(url: str, data: object, headers: object) -> Answer:
        assert url == TOKEN_ENDPOINT
        assert isinstance(data, dict)
        assert "client_secret" not in data
        sent.append(data["client_assertion"])
        return Answer(status=400, headers={}, text='{"error": "invalid_grant"}')

    registration = Registration(
        kind=Kind.OIDC,
        authority="https://idp.example/corp",
        client_id="doorward",
        credential=credential_of(None, certificate + private),
        scopes=("email",),
        offline_access=None,
    )
    metadata = ProviderMetadata(
        issuer="https://idp.example/corp",
        authorization_endpoint="https://idp.example/corp/authorize",
        token_endpoint=TOKEN_ENDPOINT,
        jwks_uri="https://idp.example/corp/keys",
        revocation_endpoint=None,
        revocation_auth_methods=(),
        end_session_endpoint=None,
        iss_parameter_promised=False,
        scopes=frozenset(),
    )
    for code in ("one", "two"):
        client = MsalClient(registration, metadata, post)
        flow = client.begin(redirect_uri="http://127.0.0.1:9/cb", state="st")
        client.redeem(flow, {"state": "st", "code": code})
    key = RSAKey.import_key(private)
    registry = JWSRegistry(algorithms=["PS256"])
    registry.max_header_length = 8192  # the certificate stands in it
    claims = [jwt.decode(assertion, key, registry=registry).claims for assertion in sent]
    assert {claim["aud"] for claim in claims} == {TOKEN_ENDPOINT}
    assert claims[0]["jti"] != claims[1]["jti"]
