"""The demo HR system behind the HR port."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from adapters.connectors.demo import bank, leave_decisions, leave_records, leave_requests, pay, staff
from adapters.connectors.demo.gate import Gate
from adapters.connectors.demo.traits import traits_of
from bot.domain.grant import Grant
from bot.domain.leave import LeaveScope, LeaveState, Portion, Verdict
from bot.ports.bank_accounts import BankAccount
from bot.ports.connectors import Call, OperationTraits, Reconciliation
from bot.ports.hr import (
    Absence,
    Benefits,
    EmployeeCard,
    Holiday,
    HumanResources,
    Leave,
    LeaveBalance,
    LeavePreview,
    LeaveType,
    Pay,
    Payslip,
    PayslipSummary,
    Profile,
    Report,
)

TRAITS = traits_of(
    HumanResources,
    writes={
        "create_leave",
        "decide_leave",
        "change_leave",
        "withdraw_leave",
        "cancel_leave",
        "reopen_leave",
        "update_benefits",
        "update_contact",
        "update_pay",
        "change_bank_account",
    },
    unversioned={"create_leave"},
    separated={"decide_leave", "reopen_leave", "update_pay"},
    unsupported={"payslip_document", "run_report"},
)


class DemoHumanResources:
    """Implements `bot.ports.hr.HumanResources`; a payslip document and reports are not supported."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def traits(self) -> Mapping[str, OperationTraits]:
        return TRAITS

    async def resolve_employee(self, grant: Grant, call: Call, *, name: str) -> EmployeeCard:
        return await self._gate.read(grant, call, "resolve_employee", lambda visit: staff.resolve(visit, name))

    async def leave_types(self, grant: Grant, call: Call) -> tuple[LeaveType, ...]:
        return await self._gate.read(grant, call, "leave_types", leave_records.leave_types)

    async def leave_balance(
        self, grant: Grant, call: Call, *, employee: str, on: date, leave_type: str | None = None
    ) -> tuple[LeaveBalance, ...]:
        return await self._gate.read(
            grant, call, "leave_balance", lambda visit: leave_records.balances(visit, employee, on, leave_type)
        )

    async def preview_leave(
        self, grant: Grant, call: Call, *, employee: str, leave_type: str, start: date, end: date, portion: Portion
    ) -> LeavePreview:
        asked = leave_requests.Asked(employee=employee, leave_type=leave_type, start=start, end=end, portion=portion)
        return await self._gate.read(grant, call, "preview_leave", lambda visit: leave_requests.preview(visit, asked))

    async def list_absences(
        self, grant: Grant, call: Call, *, department: str, start: date, end: date
    ) -> tuple[Absence, ...]:
        return await self._gate.read(
            grant, call, "list_absences", lambda visit: leave_records.absences(visit, department, start, end)
        )

    async def list_holidays(
        self, grant: Grant, call: Call, *, employee: str, start: date, end: date
    ) -> tuple[Holiday, ...]:
        return await self._gate.read(
            grant, call, "list_holidays", lambda visit: leave_records.holidays(visit, employee, start, end)
        )

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
        asked = leave_requests.Asked(
            employee=employee, leave_type=leave_type, start=start, end=end, portion=portion, note=note
        )
        return await self._gate.write(
            grant, call, "create_leave", Leave, (asked,), lambda visit: leave_requests.create(visit, asked)
        )

    async def get_leave(self, grant: Grant, call: Call, *, leave: str) -> Leave:
        return await self._gate.read(grant, call, "get_leave", lambda visit: leave_records.leave(visit, leave))

    async def list_leaves(self, grant: Grant, call: Call, *, employee: str, scope: LeaveScope) -> tuple[Leave, ...]:
        return await self._gate.read(
            grant, call, "list_leaves", lambda visit: leave_records.leaves(visit, employee, scope)
        )

    async def decide_leave(
        self, grant: Grant, call: Call, *, leave: str, verdict: Verdict, note: str, expected_state: LeaveState
    ) -> Leave:
        return await self._gate.write(
            grant,
            call,
            "decide_leave",
            Leave,
            (leave, verdict, note, expected_state),
            lambda visit: leave_decisions.decide(visit, leave, verdict, note, expected_state),
        )

    async def change_leave(
        self, grant: Grant, call: Call, *, leave: str, start: date, end: date, portion: Portion, note: str
    ) -> Leave:
        return await self._gate.write(
            grant,
            call,
            "change_leave",
            Leave,
            (leave, start, end, portion, note),
            lambda visit: leave_requests.change(visit, leave, start=start, end=end, portion=portion, note=note),
        )

    async def withdraw_leave(self, grant: Grant, call: Call, *, leave: str) -> Leave:
        return await self._gate.write(
            grant, call, "withdraw_leave", Leave, (leave,), lambda visit: leave_decisions.withdraw(visit, leave)
        )

    async def cancel_leave(self, grant: Grant, call: Call, *, leave: str, note: str) -> Leave:
        return await self._gate.write(
            grant, call, "cancel_leave", Leave, (leave, note), lambda visit: leave_decisions.cancel(visit, leave, note)
        )

    async def reopen_leave(self, grant: Grant, call: Call, *, leave: str, note: str) -> Leave:
        return await self._gate.write(
            grant, call, "reopen_leave", Leave, (leave, note), lambda visit: leave_decisions.reopen(visit, leave, note)
        )

    async def list_payslips(self, grant: Grant, call: Call, *, employee: str) -> tuple[PayslipSummary, ...]:
        return await self._gate.read(grant, call, "list_payslips", lambda visit: pay.list_payslips(visit, employee))

    async def get_payslip(self, grant: Grant, call: Call, *, payslip: str, employee: str) -> Payslip:
        return await self._gate.read(grant, call, "get_payslip", lambda visit: pay.payslip(visit, payslip, employee))

    async def payslip_document(self, grant: Grant, call: Call, *, payslip: str, employee: str) -> bytes:
        raise self._gate.unsupported(grant, call, "payslip_document")

    async def get_benefits(self, grant: Grant, call: Call, *, employee: str) -> Benefits:
        return await self._gate.read(grant, call, "get_benefits", lambda visit: pay.benefits(visit, employee))

    async def update_benefits(self, grant: Grant, call: Call, *, employee: str, code: str, choice: str) -> Benefits:
        return await self._gate.write(
            grant,
            call,
            "update_benefits",
            Benefits,
            (employee, code, choice),
            lambda visit: pay.choose_benefit(visit, employee, code, choice),
        )

    async def get_profile(self, grant: Grant, call: Call, *, employee: str) -> Profile:
        return await self._gate.read(grant, call, "get_profile", lambda visit: staff.profile(visit, employee))

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
        changes = {"email": email, "phone": phone, "address": address}
        return await self._gate.write(
            grant,
            call,
            "update_contact",
            Profile,
            (employee, changes),
            lambda visit: staff.change_contact(visit, employee, changes),
        )

    async def update_pay(
        self, grant: Grant, call: Call, *, employee: str, monthly: Decimal, currency: str, effective: date
    ) -> Pay:
        return await self._gate.write(
            grant,
            call,
            "update_pay",
            Pay,
            (employee, monthly, currency, effective),
            lambda visit: pay.set_pay(visit, employee, monthly, currency, effective),
        )

    async def get_bank_account(self, grant: Grant, call: Call, *, employee: str) -> BankAccount:
        return await self._gate.read(grant, call, "get_bank_account", lambda visit: bank.account(visit, employee))

    async def change_bank_account(self, grant: Grant, call: Call, *, employee: str, iban: str) -> BankAccount:
        signed = grant.action.arguments.get("iban")
        return await self._gate.write(
            grant,
            call,
            "change_bank_account",
            BankAccount,
            (employee, iban),
            lambda visit: bank.change(visit, employee, iban, signed),
        )

    async def run_report(
        self, grant: Grant, call: Call, *, report: str, department: str, start: date, end: date
    ) -> Report:
        raise self._gate.unsupported(grant, call, "run_report")

    async def reconcile(self, grant: Grant, call: Call) -> Reconciliation:
        return await self._gate.reconcile(grant, call)
