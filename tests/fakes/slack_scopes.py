"""Which scope each Web API method takes, by Slack's own pages: the fake refuses without it, the manifest is compared.

See: https://docs.slack.dev/reference/methods
"""

from __future__ import annotations

SCOPE_OF_METHOD = {
    "apps.connections.open": None,  # by the app-level token
    "assistant.threads.setStatus": "chat:write",
    "assistant.threads.setSuggestedPrompts": "assistant:write",
    "auth.revoke": None,
    "auth.test": None,
    "chat.delete": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "conversations.history": "im:history",
    "conversations.open": "im:write",
    "conversations.replies": "im:history",
    "oauth.v2.access": None,
    "users.info": "users:read",
    "views.open": None,
    "views.publish": None,
    "views.update": None,
}
EMAIL = "users:read.email"
"""Without it `users.info` leaves the address out (https://docs.slack.dev/reference/scopes/users.read.email)."""
