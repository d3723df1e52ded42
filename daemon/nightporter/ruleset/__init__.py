"""Rule files → one `Ruleset`: schema, loading, merging, tuning, and every mistake with its place.

`read` takes files from disk; `load` makes a ruleset of their texts and never touches the disk. Start at
load.py. It judges nothing (that is `detect`) and runs no inline tests (that is `ruletest`).
"""

from nightporter.ruleset.files import ReadFiles, SourceText, is_rule_file, read
from nightporter.ruleset.load import Loaded, load
from nightporter.ruleset.names import Surroundings
from nightporter.ruleset.watch import watch_rules

__all__ = ["Loaded", "ReadFiles", "SourceText", "Surroundings", "is_rule_file", "load", "read", "watch_rules"]
