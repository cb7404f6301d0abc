"""The part of the HR port that says where somebody's salary goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from bot.domain.grant import Grant
from bot.ports.connectors import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccount:
    """Where somebody's salary goes."""

    employee: str
    employee_name: str
    iban: str = field(repr=False)
    """In capitals, without spaces (ISO 13616)."""
    version: str


class BankAccounts(Protocol):
    """The accounts that salaries are paid to."""

    async def get_bank_account(self, grant: Grant, call: Call, *, employee: str) -> BankAccount:
        """Where the salary of `employee` goes. Raises `NotFound`."""
        ...

    async def change_bank_account(self, grant: Grant, call: Call, *, employee: str, iban: str) -> BankAccount:
        """Send it elsewhere from the next pay run on; by its own person only, and only the number the grant is for.

        Raises `Forbidden`, `Invalid("iban")`, `Conflict(STALE)`, `NotFound`.
        """
        ...
