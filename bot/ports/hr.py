"""The HR port: leave, payslips, benefits and profiles, in neutral words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from bot.domain.grant import Grant
from bot.domain.leave import LeaveApproval, LeaveScope, LeaveState, Portion, Verdict
from bot.ports.bank_accounts import BankAccounts
from bot.ports.connectors import Call, OperationTraits, Reconciliation


@dataclass(frozen=True, slots=True, kw_only=True)
class EmployeeCard:
    """Who somebody is: what a name resolves to, nothing sensitive."""

    employee: str
    username: str
    name: str
    department: str
    region: str
    manager: str | None
    manager_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveType:
    """A kind of leave that can be asked for."""

    id: str
    name: str
    approval: LeaveApproval
    second_approval_over: Decimal | None
    """Longer than this many working days also needs the second approval."""
    allowance: Decimal | None
    """Days a year; None when the system keeps no balance for it."""
    sensitive: bool
    """The type itself tells something about health: it is confidential."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveBalance:
    """What is left of one leave type in the year of `on`, in working days as the system counts them."""

    employee: str
    type: str
    type_name: str
    on: date
    allowance: Decimal | None
    taken: Decimal
    """Approved days of that year, past or to come."""
    pending: Decimal
    """Days asked for and not decided."""
    remaining: Decimal | None
    """Allowance less taken and pending; None when no balance is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holiday:
    """A public holiday of a region; `code` is the system's stable one, empty where it has none."""

    day: date
    name: str
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavePreview:
    """What a request would be, as the HR system counts it; nothing is stored."""

    employee: str
    employee_name: str
    type: str
    type_name: str
    start: date
    end: date
    portion: Portion
    working_days: Decimal
    holidays: tuple[Holiday, ...]
    """Public holidays that fall on weekdays in the range and are not counted."""
    balance_before: Decimal | None
    balance_after: Decimal | None
    overlaps: tuple[Absence, ...]
    """The person's own leave on those days; a request that overlaps is refused."""
    approver: str | None
    """Employee reference of who would decide first; None when the system knows nobody."""
    approver_name: str | None
    second_approval: bool
    sensitive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """A leave request."""

    id: str
    employee: str
    employee_name: str
    type: str
    type_name: str
    sensitive: bool
    start: date
    end: date
    portion: Portion
    days: Decimal
    state: LeaveState
    raw_state: str
    note: str
    version: str
    created_at: datetime
    approver: str | None
    """Who decides next; None once nothing is left to decide."""
    approver_name: str | None
    decided_by: str | None
    decided_by_name: str | None
    decided_at: datetime | None
    decision_note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """That somebody is away, without why."""

    employee: str
    employee_name: str
    start: date
    end: date
    portion: Portion
    state: LeaveState


@dataclass(frozen=True, slots=True, kw_only=True)
class PayslipSummary:
    """A payslip in a list, without amounts."""

    id: str
    employee: str
    number: str
    period_start: date
    period_end: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PayslipLine:
    """One line of a payslip."""

    code: str
    label: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Payslip:
    """A payslip with its amounts: confidential, never shown in chat."""

    id: str
    employee: str
    employee_name: str
    number: str
    period_start: date
    period_end: date
    currency: str
    gross: Decimal
    net: Decimal
    lines: tuple[PayslipLine, ...]
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefit:
    """One benefit somebody holds."""

    code: str
    name: str
    choice: str
    employer_monthly: Decimal
    employee_monthly: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefits:
    """The benefits of one person: confidential."""

    employee: str
    employee_name: str
    benefits: tuple[Benefit, ...]
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The record of one person: job and contact, no pay."""

    employee: str
    name: str
    title: str
    department: str
    region: str
    manager: str | None
    manager_name: str | None
    hired_on: date
    email: str
    phone: str
    address: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pay:
    """The monthly base pay of one person: confidential."""

    employee: str
    monthly: Decimal
    currency: str
    effective: date
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A table the HR system made."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class HumanResources(BankAccounts, Protocol):
    """An HR system, called in the name of one person under a grant for one action.

    Every operation verifies the grant first and raises `NotAllowed`; it answers by `call.deadline`, else raises
    `ConnectorUnavailable` (a read) or `OutcomeUnknown` (a write that may have happened). Further errors stand in
    `bot.ports.connectors`; `Unsupported` can come from each. A write needs `call.idempotency_key` (else
    `Invalid("idempotency_key")`): repeated by the same person with the same values it gives the first answer and
    does nothing again. Where `call.expected_version` is set, another version is `Conflict(STALE)`.
    A record the grant does not reach is `NotFound`, as if there were none.
    """

    def traits(self) -> Mapping[str, OperationTraits]:
        """What the connector says of each operation, by name."""
        ...

    async def resolve_employee(self, grant: Grant, call: Call, *, name: str) -> EmployeeCard:
        """The one person meant by an employee reference, user name, display name or first name.

        Raises `NotFound` for nobody and for several alike.
        """
        ...

    async def leave_types(self, grant: Grant, call: Call) -> tuple[LeaveType, ...]:
        """The leave types that can be asked for."""
        ...

    async def leave_balance(
        self, grant: Grant, call: Call, *, employee: str, on: date, leave_type: str | None = None
    ) -> tuple[LeaveBalance, ...]:
        """What is left in the year of `on`: of one type, or of every type that has an allowance.

        Raises `Invalid("leave_type")`, `NotFound`.
        """
        ...

    async def preview_leave(
        self, grant: Grant, call: Call, *, employee: str, leave_type: str, start: date, end: date, portion: Portion
    ) -> LeavePreview:
        """What the request would be, computed by the HR system; an overlap or an overdraft is told, not raised.

        Raises `Invalid("leave_type" | "start" | "end" | "portion")`, `NotFound`.
        """
        ...

    async def list_absences(
        self, grant: Grant, call: Call, *, department: str, start: date, end: date
    ) -> tuple[Absence, ...]:
        """Who of a department is away or has asked to be, by first day. Raises `Invalid("end")`."""
        ...

    async def list_holidays(
        self, grant: Grant, call: Call, *, employee: str, start: date, end: date
    ) -> tuple[Holiday, ...]:
        """The public holidays of the person's region in a range. Raises `Invalid("end")`, `NotFound`."""
        ...

    async def create_leave(
        self,
        grant: Grant,
        call: Call,
        *,
        employee: str,
        leave_type: str,
        start: date,
        end: date,
        portion: Portion,
        note: str,
    ) -> Leave:
        """Ask for leave.

        Raises `Conflict(OVERLAP | INSUFFICIENT_BALANCE)`, `Invalid` as `preview_leave`, `NotFound`, `OutcomeUnknown`.
        """
        ...

    async def get_leave(self, grant: Grant, call: Call, *, leave: str) -> Leave:
        """One leave request. Raises `NotFound`."""
        ...

    async def list_leaves(self, grant: Grant, call: Call, *, employee: str, scope: LeaveScope) -> tuple[Leave, ...]:
        """Own requests from the last year on, newest first; or those awaiting the employee's decision, oldest first."""
        ...

    async def decide_leave(
        self, grant: Grant, call: Call, *, leave: str, verdict: Verdict, note: str, expected_state: LeaveState
    ) -> Leave:
        """Approve or refuse, once; the answer may be in `SECOND_APPROVAL`.

        Raises `Conflict(ALREADY_DECIDED)` when the state is not `expected_state` or no longer to be decided,
        `Conflict(STALE)`, `Forbidden` on one's own request, `NotFound`, `OutcomeUnknown`.
        """
        ...

    async def change_leave(
        self, grant: Grant, call: Call, *, leave: str, start: date, end: date, portion: Portion, note: str
    ) -> Leave:
        """Change one's own pending request.

        Raises `Conflict(ALREADY_DECIDED | OVERLAP | INSUFFICIENT_BALANCE | STALE)`, `Invalid`, `NotFound`.
        """
        ...

    async def withdraw_leave(self, grant: Grant, call: Call, *, leave: str) -> Leave:
        """Take back one's own undecided request. Raises `Conflict(ALREADY_DECIDED | STALE)`, `NotFound`."""
        ...

    async def cancel_leave(self, grant: Grant, call: Call, *, leave: str, note: str) -> Leave:
        """Cancel an approved leave that has not begun. Raises `Conflict(ALREADY_DECIDED | STALE)`, `NotFound`."""
        ...

    async def reopen_leave(self, grant: Grant, call: Call, *, leave: str, note: str) -> Leave:
        """Take back one's own decision before the leave begins: it waits again. Raises as `decide_leave`, `Invalid`."""
        ...

    async def list_payslips(self, grant: Grant, call: Call, *, employee: str) -> tuple[PayslipSummary, ...]:
        """The payslips of one person, newest first. Raises `NotFound`."""
        ...

    async def get_payslip(self, grant: Grant, call: Call, *, payslip: str, employee: str) -> Payslip:
        """One payslip, which must be `employee`'s: what the system returned is compared again. Raises `NotFound`."""
        ...

    async def payslip_document(self, grant: Grant, call: Call, *, payslip: str, employee: str) -> bytes:
        """The payslip as a PDF file. Raises `NotFound`."""
        ...

    async def get_benefits(self, grant: Grant, call: Call, *, employee: str) -> Benefits:
        """The benefits of one person. Raises `NotFound`."""
        ...

    async def update_benefits(self, grant: Grant, call: Call, *, employee: str, code: str, choice: str) -> Benefits:
        """Choose another variant of one benefit. Raises `Invalid("code" | "choice")`, `Conflict(STALE)`, `NotFound`."""
        ...

    async def get_profile(self, grant: Grant, call: Call, *, employee: str) -> Profile:
        """The record of one person. Raises `NotFound`."""
        ...

    async def update_contact(
        self,
        grant: Grant,
        call: Call,
        *,
        employee: str,
        email: str | None = None,
        phone: str | None = None,
        address: str | None = None,
    ) -> Profile:
        """Change those contact fields that are given. Raises `Invalid("email" | "phone" | "address")`, `Conflict`."""
        ...

    async def update_pay(
        self, grant: Grant, call: Call, *, employee: str, monthly: Decimal, currency: str, effective: date
    ) -> Pay:
        """Set the base pay. Raises `Invalid("monthly" | "currency")`, `Conflict(STALE)`, `Forbidden` on one's own."""
        ...

    async def run_report(
        self, grant: Grant, call: Call, *, report: str, department: str, start: date, end: date
    ) -> Report:
        """A named report over a department and a range. Raises `Invalid("report" | "end")`."""
        ...

    async def reconcile(self, grant: Grant, call: Call) -> Reconciliation:
        """Whether the write known by `call.idempotency_key` has happened; never raises for a system that is away.

        After `DONE` the same write with the same key gives its answer; after `ABSENT` it may be sent again.
        """
        ...
