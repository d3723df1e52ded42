"""Fields that make a key, as `by` and `first_seen` name them: `user`, `client_ip/24/48`."""

from __future__ import annotations

from nightporter.rule import KeyPart
from nightporter.ruleset.names import Scope
from nightporter.yamltext.page import Node, Page


def read_key(page: Page, node: Node, scope: Scope) -> tuple[KeyPart, ...]:
    """One field or a list of them; what is wrong is told and left out."""
    parts: list[KeyPart] = []
    for item in page.items(node):
        text = page.text(item, "a field's name")
        part = _key_part(page, item, text, scope) if text else None
        if part is not None and part.field in (p.field for p in parts):
            page.tell(item, f"'{part.field}' twice", fix="keep one of the two")
        elif part is not None:
            parts.append(part)
    return tuple(parts)


def _key_part(page: Page, node: Node, text: str, scope: Scope) -> KeyPart | None:
    name, *prefixes = text.split("/")
    scope.check(page, node, name)
    is_address = scope.type_of(name) == "address"
    if not prefixes:
        return KeyPart(name, 32, 64) if is_address else KeyPart(name)
    sizes = [int(p) if p.isdecimal() and len(p) < 4 else 0 for p in prefixes]
    if not is_address:
        page.tell(node, f"'{text}': '{name}' is not an address", expected=f"'{name}' alone")
    elif len(sizes) > 2 or not 1 <= sizes[0] <= 32 or not 1 <= sizes[-1] <= 128:
        page.tell(node, f"'{text}'", expected="prefix lengths of IPv4 and IPv6, such as client_ip/24/48")
    else:
        return KeyPart(name, sizes[0], sizes[1] if len(sizes) == 2 else 64)
    return None
