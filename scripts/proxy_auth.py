"""The demo proxy's keys, with teams and users but without a database.

LiteLLM imports this file from beside its configuration, where `proxy.py` puts it.
"""

import json
from pathlib import Path

from litellm.proxy._types import UserAPIKeyAuth

KEYS = json.loads(Path(__file__).with_name("keys.json").read_text())


async def authenticate(_request: object, api_key: str) -> UserAPIKeyAuth:
    """Return whom a key belongs to; LiteLLM answers 401 to any other."""
    if api_key not in KEYS:
        raise PermissionError("unknown key")
    return UserAPIKeyAuth(api_key=api_key, **KEYS[api_key])
