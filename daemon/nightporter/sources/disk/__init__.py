"""`kind: disk`: free space, drives that must be there, and backups that must be made.

Start with source.py. looks.py asks the system, states.py judges what it says.
"""

from nightporter.sources.disk.source import DiskSource

__all__ = ["DiskSource"]
