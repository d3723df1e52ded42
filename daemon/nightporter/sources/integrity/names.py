"""By its name, and by its own look, whether a value may be a secret. Pure."""

from __future__ import annotations

import re
from ipaddress import ip_network
from itertools import pairwise
from typing import Final

# A name that holds a secret, by its last part: `basicauth.users`, `dbPass`, `api_key`
SECRET_NAME: Final = re.compile(
    r"pass|pwd|pw$|secret|token|key|auth$|authorization|cred|users$|hash|salt|cookie|session|webhook|dsn"
    r"|private|claim|jwt|pin$|otp|hmac|encoded$|kid$|eab$|psk|mnemonic|vault|pepper|login$|licen[cs]e|signature|bearer|seed|psk|environment|^env$|headers$|^urls?$",
    re.IGNORECASE,
)
_ADDRESS_NAME: Final = re.compile(r"urls?\Z", re.IGNORECASE)
_WEB: Final = re.compile(r"[\"']?(?:https?|tcp|udp|h2c)://[\w.:\[\]-]+/?[\"']?\Z")
"""Where a proxy sends its requests: a host and a port, and no path that could be a webhook's."""
_NETWORKS: Final = re.compile(r"ip|net|range|list|allow|addr|host|trust|prox|bind|server|dns", re.IGNORECASE)
_CAPITALS: Final = re.compile(r"[A-Z][A-Z0-9_]{2,}\Z")
"""How variables of an environment are written; what they hold may be anything."""


def is_harmless(value: str, name: str = "") -> bool:
    """Whether a value can be no secret: nothing, yes or no, a reference to a variable. By a name that speaks
    of them also addresses and networks: who may come in is what an owner most wants to see change."""
    bare = value.strip().strip("\"'").strip()
    if bare.lower() in ("", "true", "false", "yes", "no", "on", "off", "null", "~"):
        return True
    if re.fullmatch(r"\$\{[A-Za-z_]\w*\}|\$[A-Za-z_]\w*", bare):
        return True
    return bool(_NETWORKS.search(name)) and all(_is_address(part) for part in re.split(r"[,\s]+", bare))


def _is_address(text: str) -> bool:
    if not re.search(r"[.:]", text):  # a bare number is an address to ipaddress, and a PIN to its owner
        return False
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def is_secret_name(name: str) -> bool:
    """Whether what goes by this name may be a secret."""
    last = re.split(r"[./]", name.strip("-"))[-1]
    return bool("customrequestheaders." in name.lower() or SECRET_NAME.search(last) or _CAPITALS.match(last))


def may_show(name: str, value: str) -> bool:
    """Whether the value of this name may be shown as it stands."""
    if not is_secret_name(name) or is_harmless(value, name):
        return True
    return bool(_ADDRESS_NAME.search(name)) and bool(_WEB.match(value.strip()))


def looks_random(word: str) -> bool:
    """Letters and digits mixed as no person names a thing: `media-server-2` is a name, `a8f3kq01x` none."""
    parts = [part for part in re.split(r"[-_=+/~]", word) if part]
    if any(part.isdigit() and len(part) >= 10 for part in parts):
        return True
    mixed = [part for part in parts if re.search(r"[A-Za-z]\d|\d[A-Za-z]", part)]
    if any(len(part) >= 8 for part in mixed) or sum(map(len, mixed)) >= 12:
        return True
    changes = sum(a.islower() and b.isupper() for a, b in pairwise(word))
    return changes >= 4 or (len(word) >= 40 and len(parts) < 4)
