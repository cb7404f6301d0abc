"""Which connector operation may be called under a grant for which action; anything else is refused by the connector."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.domain.grant import Grant
from bot.errors import NotAllowed
from bot.ports.clock import Clock
from bot.services.authorization import GrantMint

ACTIONS: Mapping[str, frozenset[str]] = {
    "leave_balance": frozenset({"ViewLeaveBalance"}),
    "preview_leave": frozenset({"PreviewLeave"}),
    "create_leave": frozenset({"RequestLeave"}),
    "get_leave": frozenset({"ViewLeave", "PreviewBreakGlass", "ChangeLeave"}),
    "list_leaves": frozenset({"ListLeaves", "ListWaiting"}),
    "withdraw_leave": frozenset({"WithdrawLeave"}),
    "change_leave": frozenset({"ChangeLeave"}),
    "cancel_leave": frozenset({"CancelLeave"}),
    "reopen_leave": frozenset({"RevokeDecision"}),
    "decide_leave": frozenset({"ApproveLeave", "RefuseLeave", "BreakGlassApproveLeave"}),
    "list_absences": frozenset({"ListAbsences"}),
    "get_payslip": frozenset({"ViewPayslip"}),
    "get_bank_account": frozenset({"PreviewBankAccount"}),
    "change_bank_account": frozenset({"ChangeBankAccount"}),
    "get_benefits": frozenset({"ViewBenefits"}),
    "get_customer": frozenset({"ViewCustomer"}),
    "list_tickets": frozenset({"ListTickets"}),
    "get_ticket": frozenset({"ViewTicket"}),
    "update_ticket": frozenset({"UpdateTicket"}),
    "list_opportunities": frozenset({"ListOpportunities"}),
    "health": frozenset({"ViewHealth"}),
    "settings": frozenset({"ShowConfig"}),
    "test_policy": frozenset({"TestPolicy"}),
    "reconcile": frozenset(
        {
            *("RequestLeave", "ChangeLeave", "WithdrawLeave", "CancelLeave"),
            *("ApproveLeave", "RefuseLeave", "RevokeDecision", "BreakGlassApproveLeave"),
            *("UpdateTicket", "ChangeBankAccount"),
        }
    ),
}
"""Operations that no capability uses are missing here on purpose: no grant opens them."""


def verifier(mint: GrantMint, clock: Clock) -> Callable[[Grant, str], None]:
    """What a connector calls first in every operation. Raises `NotAllowed`."""

    def verify(grant: Grant, operation: str) -> None:
        mint.verify(grant, clock.now())
        if grant.action.action not in ACTIONS.get(operation, frozenset()):
            raise NotAllowed(f"{operation} under {grant.action.action}", code="grant.other_operation")

    return verify
