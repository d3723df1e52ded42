"""What is remembered by the day, for reviews: numbers and names, never lines. Pure.

    chunks, events ──Tally──▶ Rows (increments) ──the judge's commit──▶ store/history

The rows go into the same transaction as the positions of the lines that they count, so that a crash counts
nothing twice and leaves nothing out.
"""

from nightporter.history.rows import Account, Gap, Outage, Rows
from nightporter.history.tally import Tally

__all__ = ["Account", "Gap", "Outage", "Rows", "Tally"]
