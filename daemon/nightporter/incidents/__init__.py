"""What a detection becomes over time: incidents, cooldown, what is told again and when. Pure."""
