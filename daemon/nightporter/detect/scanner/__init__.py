"""Finds the lines that are worth reading: those that hold one of a few literals, ASCII case aside.

A source's quiet lines, nearly all of them, are skipped here in one pass of a C library over a whole chunk.
A scanner may only ever skip work: what it finds is judged exactly afterwards, and every backend gives the
same answers. Start with `base` (what a scanner is), then `choice` (which one this machine gets).
"""

from nightporter.detect.scanner.base import EveryLine, NoLine, Scanner, Span
from nightporter.detect.scanner.choice import BACKENDS, Verdict, choose, choose_named, survey

__all__ = [
    "BACKENDS",
    "EveryLine",
    "NoLine",
    "Scanner",
    "Span",
    "Verdict",
    "choose",
    "choose_named",
    "survey",
]
