"""Where the services that are known by name answer to a browser, in their usual images. Facts, from their
documentation or their images' EXPOSE lines, as remembered in November 2026: a wrong one costs nothing, since
only what answers is asked again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Web:
    """A port inside the container (or of a program that runs without one), and a page that wants no login."""

    port: int
    path: str = "/"
    scheme: str = "http"


WEB: Final[Mapping[str, Web]] = MappingProxyType(
    {
        "adguardhome": Web(3000),
        "authelia": Web(9091, "/api/health"),
        "authentik": Web(9000, "/-/health/live/"),
        "bazarr": Web(6767),
        "emby": Web(8096, "/System/Info/Public"),
        "gitea": Web(3000, "/api/healthz"),
        "grafana": Web(3000, "/api/health"),
        "home-assistant": Web(8123),
        "jellyfin": Web(8096, "/health"),
        "jellyseerr": Web(5055, "/api/v1/status"),
        "lidarr": Web(8686, "/ping"),
        "navidrome": Web(4533, "/ping"),
        "nextcloud": Web(80, "/status.php"),
        "nginx": Web(80),
        "nginx-proxy-manager": Web(81, "/api/"),
        "ombi": Web(3579),
        "overseerr": Web(5055, "/api/v1/status"),
        "pihole": Web(80, "/admin/"),
        "plex": Web(32400, "/identity"),
        "portainer": Web(9443, "/api/status", "https"),
        "prowlarr": Web(9696, "/ping"),
        "qbittorrent": Web(8080),
        "radarr": Web(7878, "/ping"),
        "readarr": Web(8787, "/ping"),
        "sabnzbd": Web(8080),
        "seerr": Web(5055, "/api/v1/status"),
        "sonarr": Web(8989, "/ping"),
        "tautulli": Web(8181, "/status"),
        "transmission": Web(9091),
        "uptime-kuma": Web(3001),
        "vaultwarden": Web(80, "/alive"),
        "whisparr": Web(6969, "/ping"),
    }
)
