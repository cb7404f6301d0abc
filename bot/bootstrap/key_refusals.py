"""What keeps Doorward from starting with its keys: nowhere to be found, given in the clear, or led to a stranger."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from bot.settings.systems import AwsKms, Keys, KeysKind

REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
"""See: https://docs.aws.amazon.com/general/latest/gr/kms.html"""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def key_problems(keys: Keys, *, production: bool) -> Iterator[str]:
    """One line each.

    1. there is a file, and the setting names it instead of holding keys: an environment is inherited by every child,
       and printed by every tool that helps to debug one;
    2. a key service is named in full, and is that service.
    """
    # (1): in a file, named
    if keys.file is None:
        yield "DOORWARD_KEYS__FILE is empty: make one with `doorward keys init FILE`, and name it here"
    elif "{" in str(keys.file) or "\n" in str(keys.file):
        yield "DOORWARD_KEYS__FILE holds keys, and an environment is no secret: put them in a file, name that"
    elif keys.file.is_relative_to("/proc") or keys.file.is_relative_to("/dev"):
        yield "DOORWARD_KEYS__FILE is no file on a disk: put the keys in one of mode 600, and name that"
    # (2): a service, in full
    if keys.kind is KeysKind.AWS_KMS:
        yield from _aws_kms(keys.aws_kms or AwsKms(), production=production)
    elif keys.aws_kms is not None:
        yield "DOORWARD_KEYS__AWS_KMS__… is set, and DOORWARD_KEYS__KIND is file: make that aws_kms, or unset these"


def _aws_kms(kms: AwsKms, *, production: bool) -> Iterator[str]:
    if not kms.key_id:
        yield "DOORWARD_KEYS__AWS_KMS__KEY_ID is empty: name the KMS key (id, ARN or alias) that wraps the keys file"
    if not REGION.fullmatch(kms.region):
        yield "DOORWARD_KEYS__AWS_KMS__REGION is no region: name the one of the KMS key, such as eu-central-1"
    if not kms.installation:
        yield "DOORWARD_KEYS__AWS_KMS__INSTALLATION is empty: it keeps one installation's keys from opening in another"
    if kms.endpoint_url and not _is_aws(kms.endpoint_url) and (production or not _is_here(kms.endpoint_url)):
        yield "DOORWARD_KEYS__AWS_KMS__ENDPOINT_URL is not AWS: unset it, or name a VPC endpoint with https"


def _is_aws(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and "@" not in parts.netloc and (parts.hostname or "").endswith(AWS_HOSTS)


def _is_here(url: str) -> bool:
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:
        return False
