"""Where things come from: files, containers, events of the engine. Start at `base.Source`."""
