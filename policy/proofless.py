"""Whether a policy looks at the proof, and whether it could permit where there is none: read off its clauses."""

from __future__ import annotations

from cedarpy import pst

from policy.syntax import children

_CONTEXT = pst.Var("context")
_EITHER = frozenset({True, False})
_NEVER: frozenset[bool] = frozenset()
"""What has no value: to read `context.proof` where there is none is an error, and a policy with one never applies."""


def takes_proof(policy: pst.Template) -> bool:
    """Whether some clause keeps this from applying wherever `context` has no proof.

    What a clause says of anything else counts as open, each part by itself; so this may say no of a policy that takes
    one in a roundabout way, and never yes of one that does not.
    """
    return any(isinstance(clause, pst.When) not in _outcomes(clause.expr) for clause in policy.clauses)


def looks_at_proof(part: object) -> bool:
    """Whether a part of a policy depends on `context.proof`; the context as a whole counts."""
    if isinstance(part, pst.GetAttr) and part.base == _CONTEXT:
        return part.attr == "proof"
    if isinstance(part, pst.HasAttr) and part.base == _CONTEXT:
        return part.attrs[0] == "proof"
    return part == _CONTEXT or any(looks_at_proof(child) for child in children(part))


def _outcomes(part: object) -> frozenset[bool]:
    """What an expression may come to without a proof; both where that is open, and where it is no truth at all."""
    if isinstance(part, pst.BoolLit):
        return frozenset({part.value})
    if isinstance(part, pst.HasAttr) and part.base == _CONTEXT:
        return frozenset({False}) if part.attrs[0] == "proof" else _EITHER
    if isinstance(part, pst.GetAttr) and part.base == _CONTEXT:
        return _NEVER if part.attr == "proof" else _EITHER
    if isinstance(part, pst.UnaryOp) and part.op == "not":
        return frozenset(not value for value in _outcomes(part.arg))
    if isinstance(part, pst.BinaryOp) and part.op in ("and", "or"):
        return _short_circuit(part, stops=part.op == "or")
    if isinstance(part, pst.IfThenElse):
        ways = {True: part.then_expr, False: part.else_expr}
        return _NEVER.union(*(_outcomes(ways[value]) for value in _outcomes(part.cond)))
    return _EITHER if all(_outcomes(child) for child in children(part)) else _NEVER


def _short_circuit(part: pst.BinaryOp, *, stops: bool) -> frozenset[bool]:
    """The left side, where it settles the matter; else the right one."""
    left = _outcomes(part.left)
    return (left & {stops}) | (_outcomes(part.right) if (not stops) in left else _NEVER)
