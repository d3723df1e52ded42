"""Files inside a container, where no path of this machine leads: named volumes in Docker Desktop's VM.

Read through the engine's archive endpoint, which sends whole files and takes GET only: nothing in the
container is touched. Start at `source.ContainerFiles`; `tracker.Tracker` knows what of a file is new,
`tar.TarFiles` takes the engine's answer apart.
"""

from nightporter.sources.archive.source import ContainerFiles

__all__ = ["ContainerFiles"]
