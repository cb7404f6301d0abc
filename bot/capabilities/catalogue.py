"""The one list of everything Doorward can do; menus, schemas and the README's table derive from it."""

from __future__ import annotations

from bot.capabilities.account import ACCOUNT
from bot.capabilities.admin import ADMIN
from bot.capabilities.bank_account import BANK_ACCOUNT
from bot.capabilities.break_glass import BREAK_GLASS
from bot.capabilities.changing import CHANGING
from bot.capabilities.crm import CRM
from bot.capabilities.did_not_help import DID_NOT_HELP
from bot.capabilities.leave import LEAVE
from bot.capabilities.leave_asking import LEAVE_ASKING
from bot.capabilities.leave_changing import LEAVE_CHANGING
from bot.capabilities.leave_decisions import LEAVE_DECISIONS
from bot.capabilities.leave_undoing import LEAVE_UNDOING
from bot.capabilities.model import Capability
from bot.capabilities.notices import NOTICES
from bot.capabilities.own_account import OWN_ACCOUNT
from bot.capabilities.pay import PAY
from bot.capabilities.substitutes import SUBSTITUTES
from bot.capabilities.upkeep import UPKEEP

CATALOGUE: tuple[Capability, ...] = (
    *ACCOUNT,
    *OWN_ACCOUNT,
    *NOTICES,
    *DID_NOT_HELP,
    *LEAVE,
    *LEAVE_DECISIONS,
    *LEAVE_UNDOING,
    *LEAVE_ASKING,
    *LEAVE_CHANGING,
    *SUBSTITUTES,
    *PAY,
    *BANK_ACCOUNT,
    *CRM,
    *ADMIN,
    *UPKEEP,
    *CHANGING,
    *BREAK_GLASS,
)

BY_NAME: dict[str, Capability] = {entry.name: entry for entry in CATALOGUE}
