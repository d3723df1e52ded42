"""Running as a service of the user's: launchd on macOS, systemd on Linux; what differs by platform is here.

Start at `service.Service`, what both are. A verb makes a *plan* (a list of actions, pure) from what it finds,
prints it, and has `actions.perform` carry it out; `--dry-run` leaves the last step out.
"""
