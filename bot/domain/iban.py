"""Numbers of bank accounts (ISO 13616): checked, grouped for reading, and masked where not everybody may see them."""

from __future__ import annotations

import re

from stdnum import iban
from stdnum.exceptions import InvalidChecksum, ValidationError

LONGEST = 64
"""Characters as typed: 34 at the most (ISO 13616), with room for spaces between them."""
_FORM = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}")


class NoAccountNumber(ValueError):
    """Not the number of a bank account, which it never tells; `why` is `checksum`, `country` or `form`."""

    def __init__(self, why: str) -> None:
        super().__init__(f"no IBAN: {why}")
        self.why = why


def normal(typed: str) -> str:
    """The number without spaces, in capitals, its check digits and its country's own form right.

    Raises `NoAccountNumber`.
    """
    if len(typed) > LONGEST or not _FORM.fullmatch(compact := str(iban.compact(typed))):
        raise NoAccountNumber("form")
    try:
        return str(iban.validate(compact))
    except InvalidChecksum:
        raise NoAccountNumber("checksum") from None
    except ValidationError:
        raise NoAccountNumber("country") from None


def grouped(number: str) -> str:
    """In groups of four, as it stands on a bank card."""
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def masked(number: str) -> str:
    """The country and the last four characters: enough to tell one's own accounts apart, and nothing to pay to."""
    return f"{number[:2]}•• … {number[-4:]}"
