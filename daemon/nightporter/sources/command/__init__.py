"""`kind: command`: a program whose lines are read.

Start with source.py; presets.py knows the two logs that only a program reaches, macOS's and systemd's.
"""

from nightporter.sources.command.source import CommandSource

__all__ = ["CommandSource"]
