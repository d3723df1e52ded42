"""Running as a service of the user's: launchd on macOS, systemd on Linux."""
