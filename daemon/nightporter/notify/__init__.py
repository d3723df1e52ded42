"""From a telling to a person: routing, the plan of what goes out when, the channels."""
