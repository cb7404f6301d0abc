"""Plain signs in a sentence that the classifier's guess must not contradict, before a write is taken from it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.understanding.features import concepts

_LEAVE = frozenset({"leave", "off", "sick", "request", "<id>"})
_TICKET = frozenset({"ticket", "<id>"})
_ROLE = frozenset({"role", "rolename"})

MENTIONED: Mapping[str, frozenset[str]] = {
    "request_leave": frozenset({"leave", "off", "sick"}),
    "withdraw_leave": _LEAVE,
    "approve_leave": _LEAVE,
    "refuse_leave": _LEAVE,
    "update_ticket": _TICKET,
    "grant_role": _ROLE,
    "revoke_role": _ROLE,
    "revoke_sessions": frozenset({"session", "signout", "signedin", "signin"}),
    "sign_out": frozenset({"session", "signout", "signedin", "signin", "off"}),
    "lock_person": frozenset({"lock"}),
    "unlock_person": frozenset({"unlock", "lock"}),
}
"""Of these concepts a sentence must mention one, or it asks for something else."""

_DECIDES = frozenset({"approve_leave", "grant_role", "unlock_person", "lock_person", "revoke_sessions", "revoke_role"})
_NEGATION = re.compile(
    r"\b(?:not|never|no|don['’]?t|do not|can['’]?t|cannot|won['’]?t|nicht|kein\w*|nein|niemals)\b", re.IGNORECASE
)
_ASKS = re.compile(
    r"^\W*(?:who|whom|whose|why|which|what|when|where|did|does|do|has|have|is|are|was|were|"
    r"wer|wem|wen|warum|wieso|weshalb|welche\w*|wann|wo|hat|hast|habe|haben|ist|sind|wurde\w*|darf|dürfte)\b",
    re.IGNORECASE,
)
_COMMANDEERS = re.compile(
    r"\b(?:ignor\w+|disregard\w*|forget|override|obey|pretend\w*|gehorch\w*|missachte\w*)\b"
    r"|\b(?:instructions?|anweisung\w*|prompt|developer mode|system\s*:|assistant\s*:|assistent\s*:|vergiss dein\w*)"
    r"|\b(?:everyone|everybody|everything|all accounts|alle entsperren|alle sperren|alles genehmigen)\b",
    re.IGNORECASE,
)


def speaks_for(capability: str, text: str) -> bool:
    """Whether a sentence may be taken as this write: it names the matter, asks nothing, denies nothing."""
    wanted = MENTIONED.get(capability)
    if wanted is not None and not wanted & concepts(text):
        return False
    if _COMMANDEERS.search(text):
        return False
    # "Is Friday off possible?" is a request all the same; what it would do is shown before anything is sent.
    if capability != "request_leave" and _ASKS.search(text):
        return False
    return not (capability in _DECIDES and _NEGATION.search(text))
