"""Asks whether a time server keeps this machine's clock (Linux; macOS does not say without root)."""

from __future__ import annotations

from nightporter.doctor.looking.view import View, told


async def look(view: View) -> bool | None:
    """True, False, or None where nobody says."""
    if view.platform == "darwin":
        return None
    said = await told("timedatectl", "show", "--property=NTPSynchronized", "--value")
    return {"yes": True, "no": False}.get((said or "").strip())
