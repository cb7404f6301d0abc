"""The audit log as files: JSON lines and CSV, both with the fields of DESIGN §6 and the chain."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from bot.domain.audit import AuditRecord
from storage.audit_log import to_fields
from storage.codec import to_json

CONTRACT = (
    *("seq", "time", "type", "principal", "channel", "action", "resource", "decision", "rules", "policy_hash"),
    *("correlation", "code"),
)
"""What others rely on (DESIGN §6)."""
FIELDS = (*CONTRACT, "digest", "state", "previous", "hash")
"""The same with the digest of what it is about, what it changed of rows that carry authority, its place in the chain.
The hash is over all but `seq`, `previous` and `hash`; an empty `digest` or `state` is left out of it."""
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula (OWASP: CSV injection)."""


def to_export(record: AuditRecord) -> dict[str, object]:
    """One record with its place in the chain."""
    return {
        "seq": record.seq,
        **to_fields(record.event),
        "digest": record.event.digest,
        "state": dict(record.state),
        "previous": record.previous,
        "hash": record.hash,
    }


def to_json_lines(records: Iterable[AuditRecord], fields: Sequence[str] = FIELDS) -> Iterator[str]:
    """One canonical JSON object a line."""
    for record in records:
        export = to_export(record)
        yield to_json({field: export[field] for field in fields}) + "\n"


def to_csv(records: Iterable[AuditRecord], fields: Sequence[str] = FIELDS) -> Iterator[str]:
    """RFC 4180 lines with a header; what a spreadsheet would run as a formula gets a leading apostrophe."""
    yield _line(fields)
    for record in records:
        export = to_export(record)
        export["rules"] = " ".join(record.event.rules)
        export["state"] = to_json(record.state)
        yield _line([_harmless(str(export[field])) for field in fields])


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def _line(cells: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
