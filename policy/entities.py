"""Says one request in Cedar's JSON: the two entities, the context, and nothing more."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address, ip_interface

from policy.model import DecisionRequest, PrincipalEntity, ProofContext, ResourceEntity, SessionContext

SCOPED_ROLES = ("line_manager", "hr_manager")
"""The roles whose departments the schema's `Scopes` names."""

Json = dict[str, object]


def uid(entity_type: str, entity_id: str) -> dict[str, str]:
    """A reference as Cedar's JSON has it; the structured form takes any characters in an id."""
    return {"type": entity_type, "id": entity_id}


def entities_json(principal: PrincipalEntity, resource: ResourceEntity) -> str:
    """Principal and resource. As text, because Cedar then checks it against the schema given with the decision and adds
    the schema's action groups; a handle parsed without the schema silently loses the groups.
    """
    return json.dumps([_principal(principal), _resource(resource)])


def context_json(request: DecisionRequest) -> str:
    """The context of one request. Raises `ValueError` for a naive `now` and for an address that is none."""
    context: Json = {"now": _extension("datetime", _instant(request.now)), "session": _session(request.session)}
    if request.proof is not None:
        context["proof"] = _proof(request.proof)
    if request.approvals is not None:
        counts = request.approvals
        context["approvals"] = {"total": counts.total, "manager": counts.manager, "hr": counts.hr}
    if request.on_behalf_of is not None:
        behalf = request.on_behalf_of
        context["on_behalf_of"] = {"employee": behalf.employee, "manner": {"__entity": uid("Manner", behalf.manner)}}
    if request.break_glass is not None:
        context["break_glass"] = {"reason": request.break_glass.reason}
    return json.dumps(context)


def normal_address(address: str) -> str:
    """An address as Cedar takes it: IPv4 in IPv6 unwrapped (RFC 4291 §2.5.5.2), no zone. Raises `ValueError`."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)


def network_address(written: str) -> str:
    """The address in a policy's literal, a range or a single one. Raises `ValueError`."""
    return str(ip_interface(written).ip)


def _principal(principal: PrincipalEntity) -> Json:
    attributes: Json = {
        "key": principal.key,
        "department": principal.department,
        "region": principal.region,
        "locked": principal.locked,
        "has_passkey": principal.has_passkey,
        "scopes": {role: sorted(principal.scopes.get(role, ())) for role in SCOPED_ROLES},
    }
    if principal.employee:
        attributes["employee"] = principal.employee
    return {
        "uid": uid("Principal", principal.key),
        "parents": [uid("Role", role) for role in sorted(principal.roles)],
        "attrs": attributes,
    }


def _resource(resource: ResourceEntity) -> Json:
    facts: Json = {
        "owner": resource.owner,
        "manager": resource.manager,
        "department": resource.department,
        "region": resource.region,
        "state": resource.state,
        "amount": resource.amount,
    }
    # An empty reference is no reference: two people without one must not look like the same person.
    known = {name: value for name, value in facts.items() if value is not None and value != ""}
    return {"uid": uid(resource.type, resource.id), "parents": [], "attrs": {"key": resource.id, **known}}


def _session(session: SessionContext) -> Json:
    said: Json = {
        "age": session.age_seconds,
        "idp_checked_age": session.idp_checked_age_seconds,
        "interactive": session.interactive,
        "platform": session.platform,
        "workspace": session.workspace,
        "place": {"__entity": uid("Place", session.place)},
    }
    if session.acr is not None:
        said["acr"] = session.acr
    return said


def _proof(proof: ProofContext) -> Json:
    said: Json = {
        "method": {"__entity": uid("Method", proof.method)},
        "phishing_resistant": proof.phishing_resistant,
        "age": proof.age_seconds,
    }
    if proof.src_ip is not None:
        said["src_ip"] = _extension("ip", normal_address(proof.src_ip))
    return said


def _extension(function: str, argument: str) -> Json:
    return {"__extn": {"fn": function, "arg": argument}}


def _instant(now: datetime) -> str:
    if now.tzinfo is None:
        raise ValueError("the time of a decision must name its zone")
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
