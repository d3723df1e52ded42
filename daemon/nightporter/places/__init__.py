"""Where addresses are, by databases on this machine: nothing is asked of anybody."""

from nightporter.places.databases import Databases, places_for

__all__ = ["Databases", "places_for"]
