"""What a grant reaches: its own resource and what belongs to it; everything else is as if it did not exist."""

from __future__ import annotations

from adapters.connectors.demo.gate import Visit
from bot.ports.connectors import NotFound


def reach_employee(visit: Visit, employee: str) -> None:
    """The grant is for this employee or for a record of theirs. Raises `NotFound`."""
    match visit.resource.type:
        case "Employee":
            reached = visit.resource.id == employee
        case "Leave":
            reached = _holds(visit, "SELECT 1 FROM leave WHERE id = ? AND employee = ?", employee)
        case "Payslip":
            reached = _holds(visit, "SELECT 1 FROM payslip WHERE id = ? AND employee = ?", employee)
        case _:
            reached = False
    _demand(reached=reached)


def reach_leave(visit: Visit, leave: str, owner: str) -> None:
    """The grant is for this leave, or for its owner's own list. Raises `NotFound`."""
    own = visit.resource.type == "Employee" and visit.resource.id == owner
    _demand(reached=own or _is(visit, "Leave", leave))


def reach_payslip(visit: Visit, payslip: str) -> None:
    """The grant is for this payslip and no other. Raises `NotFound`."""
    _demand(reached=_is(visit, "Payslip", payslip))


def reach_bank_account(visit: Visit, employee: str) -> None:
    """The grant is for the account that this employee is paid to, and no other. Raises `NotFound`."""
    _demand(reached=_is(visit, "BankAccount", employee))


def reach_department(visit: Visit, department: str) -> None:
    """The grant is for this department, or for a leave of somebody in it. Raises `NotFound`."""
    in_it = "SELECT 1 FROM leave JOIN employee e ON e.id = leave.employee WHERE leave.id = ? AND department = ?"
    of_leave = visit.resource.type == "Leave" and _holds(visit, in_it, department)
    _demand(reached=of_leave or _is(visit, "Department", department))


def reach_customer(visit: Visit, customer: str) -> None:
    """The grant is for this customer, or for a record of theirs. Raises `NotFound`."""
    match visit.resource.type:
        case "Customer":
            reached = visit.resource.id == customer
        case "Ticket":
            reached = _holds(visit, "SELECT 1 FROM ticket WHERE id = ? AND customer = ?", customer)
        case "Opportunity":
            reached = _holds(visit, "SELECT 1 FROM opportunity WHERE id = ? AND customer = ?", customer)
        case _:
            reached = False
    _demand(reached=reached)


def reach_record(visit: Visit, kind: str, record: str, customer: str) -> None:
    """The grant is for this ticket or opportunity, or for its customer. Raises `NotFound`."""
    _demand(reached=_is(visit, kind, record) or _is(visit, "Customer", customer))


def _is(visit: Visit, kind: str, record: str) -> bool:
    return visit.resource.type == kind and visit.resource.id == record


def _holds(visit: Visit, statement: str, value: str) -> bool:
    return visit.connection.execute(statement, (visit.resource.id, value)).fetchone() is not None


def _demand(*, reached: bool) -> None:
    if not reached:
        raise NotFound("not within the grant")
