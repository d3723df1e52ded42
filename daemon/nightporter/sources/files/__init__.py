"""Files: logs followed by path or glob through every kind of rotation, and whole files for replay.

What it promises: every whole line that stands in the log or in a copy beside it is given out once, in the
order of its file, whatever happened while nobody looked. It knows nothing of what a line says.

Start at `follower.Follower`, one log; `source.FileSource` puts them on a thread, `whole.read_whole` is for
replay.
"""

from nightporter.sources.files.source import FileSource
from nightporter.sources.files.whole import read_whole

__all__ = ["FileSource", "read_whole"]
