"""The rows of the table of known services. Facts, looked up in November 2026; `checked` says how."""

from __future__ import annotations

from typing import Final

from nightporter.services.facts import LogFile, LoginRequest, Service, Setting


def _arr(name: str, title: str) -> Service:
    """One of Sonarr's family. Both outcomes of a login are redirections."""
    return Service(
        name=name,
        title=title,
        images=(name,),
        failures="stdout",
        names_client=True,
        checked="read",
        files=(LogFile(inside=f"/config/logs/{name}*.txt", host=(f"~/.config/{title}/logs/{name}*.txt",)),),
        logins=(
            LoginRequest(paths=("/login", "/*/login"), failure=(302,), success=(302,), checked="memory"),
        ),
    )


def _seerr(name: str, title: str) -> Service:
    return Service(
        name=name,
        title=title,
        images=(name,),
        failures="stdout",
        names_client=True,
        checked="read",
        files=(
            LogFile(inside=f"/app/config/logs/{name}*.log"),
            LogFile(inside=f"/config/logs/{name}*.log"),
        ),
        client_setting=Setting(
            where="Settings, Network (General before 2025)",
            paste="Enable Proxy Support",
            why="logs the proxy's address otherwise",
            checked="memory",
        ),
        logins=(
            LoginRequest(paths=("/api/v1/auth/local",), failure=(403,), success=(200,), checked="read"),
            LoginRequest(
                paths=("/api/v1/auth/plex", "/api/v1/auth/jellyfin"), failure=(401, 403), success=(200,)
            ),
        ),
    )


ROWS: Final = (
    Service(
        name="traefik",
        title="Traefik",
        images=("traefik",),
        failures="stdout",
        names_client=True,
        checked="measured",
        needs=Setting(
            where="traefik.yml",
            paste="accessLog:\n  format: json\n  fields: {headers: {names: {User-Agent: keep}}}",
            why="has no access log by default",
            checked="measured",
        ),
        client_setting=Setting(
            where="traefik.yml, at the entry point",
            paste="forwardedHeaders: {trustedIPs: [192.0.2.1/32]}",
            why="only behind another proxy, with that proxy's address",
            checked="measured",
        ),
    ),
    Service(
        name="ombi",
        title="Ombi",
        images=("ombi",),
        failures="file",
        names_client=True,
        checked="read",
        files=(LogFile(inside="/config/Logs/log-*.txt", host=("~/docker/ombi/Logs/log-*.txt",)),),
        # A sign-in through Plex begins with a 200 as well: it is no proof of a login by itself.
        logins=(LoginRequest(paths=("/api/v1/token", "/*/api/v1/token"), failure=(401,), success=(200,)),),
    ),
    _seerr("overseerr", "Overseerr"),
    _seerr("jellyseerr", "Jellyseerr"),
    _seerr("seerr", "Seerr"),
    Service(
        name="jellyfin",
        title="Jellyfin",
        images=("jellyfin",),
        failures="stdout",
        names_client=True,
        checked="read",
        files=(LogFile(inside="/config/log/log_*.log", host=("~/.local/share/jellyfin/log/log_*.log",)),),
        client_setting=Setting(
            where="Dashboard, Networking, Known proxies",
            paste="172.18.0.0/16",
            why="logs the proxy's address otherwise",
            checked="memory",
        ),
        logins=(
            LoginRequest(
                paths=("/Users/AuthenticateByName", "/*/Users/AuthenticateByName"),
                failure=(401,),
                success=(200,),
            ),
        ),
    ),
    Service(
        name="emby",
        title="Emby",
        images=("emby", "embyserver"),
        failures="stdout",
        names_client=True,
        checked="read",
        files=(
            LogFile(
                inside="/config/logs/embyserver*.txt", host=("~/.config/emby-server/logs/embyserver*.txt",)
            ),
        ),
        client_setting=Setting(
            where="Settings, Network",
            paste="Read proxy headers to determine client IP addresses: Yes",
            why="logs the proxy's address otherwise",
            checked="memory",
        ),
        logins=(
            LoginRequest(
                paths=("/Users/AuthenticateByName", "/*/Users/AuthenticateByName"),
                failure=(401,),
                success=(200,),
            ),
        ),
    ),
    _arr("sonarr", "Sonarr"),
    _arr("radarr", "Radarr"),
    _arr("prowlarr", "Prowlarr"),
    _arr("lidarr", "Lidarr"),
    _arr("readarr", "Readarr"),
    _arr("whisparr", "Whisparr"),
    Service(
        name="bazarr",
        title="Bazarr",
        # Its file masks every IPv4 address: the container's output is the better source.
        images=("bazarr",),
        failures="stdout",
        names_client=True,
        checked="read",
        files=(LogFile(inside="/config/log/bazarr.log"),),
        logins=(
            LoginRequest(
                paths=("/api/system/account", "/*/api/system/account"), failure=(403,), success=(204,)
            ),
        ),
    ),
    Service(
        name="sabnzbd",
        title="SABnzbd",
        images=("sabnzbd", "sabnzbdplus"),
        failures="stdout",
        names_client=True,
        checked="read",
        files=(
            LogFile(
                inside="/config/logs/sabnzbd.log",
                host=(
                    "~/Library/Application Support/SABnzbd/logs/sabnzbd.log",
                    "~/.sabnzbd/logs/sabnzbd.log",
                ),
            ),
        ),
        logins=(LoginRequest(paths=("/login*", "/sabnzbd/login*"), failure=(200,), success=(303,)),),
    ),
    Service(
        name="qbittorrent",
        title="qBittorrent",
        images=("qbittorrent", "qbittorrent-nox"),
        failures="file",
        names_client=True,
        checked="read",
        files=(
            LogFile(
                inside="/config/qBittorrent/logs/qbittorrent.log",
                host=(
                    "~/Library/Application Support/qBittorrent/logs/qbittorrent.log",
                    "~/.local/share/qBittorrent/logs/qbittorrent.log",
                ),
            ),
            LogFile(inside="/config/data/logs/qbittorrent.log"),
        ),
        client_setting=Setting(
            where="qBittorrent.conf, [Preferences]",
            paste="WebUI\\ReverseProxySupportEnabled=true\nWebUI\\TrustedReverseProxiesList=172.18.0.0/16",
            why="logs, and after five failures bans, the proxy's address otherwise",
            checked="read",
        ),
        # 5.1 answers both with 200, and 403 to those it has banned; later versions may tell them apart.
        logins=(
            LoginRequest(
                paths=("/api/v2/auth/login",), failure=(200, 401, 403), success=(200, 204), checked="read"
            ),
        ),
    ),
    Service(
        name="transmission",
        title="Transmission",
        images=("transmission", "transmission-openvpn", "transmission-daemon"),
        failures="stdout",
        names_client=True,
        checked="read",
        # It knows no X-Forwarded-For: behind a proxy its lines name the proxy, always.
        logins=(LoginRequest(paths=("/transmission/*",), failure=(401, 403), success=(200,), method="*"),),
    ),
    Service(
        name="tautulli",
        title="Tautulli",
        images=("tautulli",),
        failures="stdout",
        names_client=False,
        checked="read",
        files=(LogFile(inside="/config/logs/tautulli.log"),),
        needs=Setting(
            where="Settings, Web Interface, or the command line without --quiet",
            paste="Enable Verbose Logging (verbose logging is on by default)",
            why="refused logins are logged at DEBUG only",
            checked="memory",
        ),
        logins=(LoginRequest(paths=("/auth/signin", "/*/auth/signin"), failure=(401, 429), success=(200,)),),
    ),
    Service(
        name="portainer",
        title="Portainer",
        images=("portainer", "portainer-ce", "portainer-ee"),
        failures="proxy",
        names_client=False,
        checked="read",
        needs=Setting(
            where="compose file",
            paste="command: --log-level=DEBUG",
            why="says nothing of a refused login at its default level; not needed behind Traefik",
            checked="read",
        ),
        logins=(
            LoginRequest(
                paths=("/api/auth", "/portainer/api/auth"), failure=(422,), success=(200,), checked="read"
            ),
        ),
    ),
    Service(
        name="grafana",
        title="Grafana",
        images=("grafana", "grafana-oss", "grafana-enterprise"),
        failures="stdout",
        names_client=True,
        checked="read",
        files=(LogFile(inside="/var/log/grafana/grafana.log"),),
        # It takes X-Real-Ip and X-Forwarded-For from anybody: nothing to set.
        logins=(LoginRequest(paths=("/login", "/*/login"), failure=(401,), success=(200,)),),
    ),
    Service(
        name="uptime-kuma",
        title="Uptime Kuma",
        images=("uptime-kuma", "uptimekuma"),
        failures="stdout",
        names_client=True,
        checked="read",
        client_setting=Setting(
            where="Settings, Reverse Proxy",
            paste="Trust Proxy: Yes",
            why="logs the proxy's address otherwise",
            checked="memory",
        ),
        # Logins go through an open websocket: the proxy sees no request of theirs.
    ),
    Service(
        name="home-assistant",
        title="Home Assistant",
        images=("home-assistant", "homeassistant", "hass"),
        failures="stdout",
        names_client=True,
        checked="read",
        files=(LogFile(inside="/config/home-assistant.log*"),),
        client_setting=Setting(
            where="configuration.yaml",
            paste="http:\n  use_x_forwarded_for: true\n  trusted_proxies: [172.18.0.0/16]",
            why="refuses what comes through a proxy otherwise",
            checked="read",
        ),
        logins=(LoginRequest(paths=("/auth/login_flow/*",), failure=(200,), success=(200,), checked="read"),),
    ),
    Service(
        name="nextcloud",
        title="Nextcloud",
        images=("nextcloud",),
        failures="file",
        names_client=True,
        checked="memory",
        files=(LogFile(inside="/var/www/html/data/nextcloud.log"), LogFile(inside="/data/nextcloud.log")),
        client_setting=Setting(
            where="config/config.php",
            paste="'trusted_proxies' => ['172.18.0.0/16'],",
            why="logs, and slows down, the proxy's address otherwise",
            checked="memory",
        ),
        logins=(LoginRequest(paths=("/login", "/index.php/login"), failure=(303,), success=(303,)),),
    ),
    Service(
        name="vaultwarden",
        title="Vaultwarden",
        images=("vaultwarden",),
        failures="stdout",
        names_client=True,
        checked="read",
        files=(LogFile(inside="/data/vaultwarden.log"),),
        client_setting=Setting(
            where="environment",
            paste="IP_HEADER: X-Real-IP",
            why="the default suits Traefik; logs the proxy's address if it is set to none",
            checked="memory",
        ),
        # An app that renews its session gets 200 too, and the question for a second factor is a 400.
        logins=(
            LoginRequest(paths=("/identity/connect/token",), failure=(400,), success=(200,), checked="read"),
        ),
    ),
    Service(
        name="authelia",
        title="Authelia",
        images=("authelia",),
        failures="stdout",
        names_client=True,
        checked="read",
        files=(LogFile(inside="/config/authelia.log"),),
        logins=(
            LoginRequest(paths=("/api/firstfactor",), failure=(401,), success=(200,)),
            LoginRequest(paths=("/api/secondfactor/*",), failure=(401, 403), success=(200,)),
        ),
    ),
    Service(
        name="authentik",
        title="authentik",
        images=("authentik", "goauthentik", "authentik-server"),
        failures="stdout",
        names_client=True,
        checked="read",
        logins=(LoginRequest(paths=("/api/v3/flows/executor/*",), failure=(200,), success=(200, 302)),),
    ),
    Service(
        name="gitea",
        title="Gitea",
        images=("gitea", "forgejo"),
        failures="stdout",
        names_client=True,
        checked="memory",
        files=(LogFile(inside="/data/gitea/log/gitea.log"), LogFile(inside="/var/lib/gitea/log/gitea.log")),
        client_setting=Setting(
            where="app.ini",
            paste="[security]\nREVERSE_PROXY_LIMIT = 1\nREVERSE_PROXY_TRUSTED_PROXIES = 172.18.0.0/16",
            why="logs the proxy's address otherwise",
            checked="memory",
        ),
        logins=(LoginRequest(paths=("/user/login",), failure=(200,), success=(302, 303)),),
    ),
    Service(
        name="nginx-proxy-manager",
        title="Nginx Proxy Manager",
        images=("nginx-proxy-manager", "npm"),
        failures="file",
        names_client=True,
        checked="memory",
        files=(LogFile(inside="/data/logs/*.log"),),
        logins=(LoginRequest(paths=("/api/tokens",), failure=(400, 401, 403), success=(200, 201)),),
    ),
    Service(
        name="nginx",
        title="nginx",
        images=("nginx", "swag"),
        failures="stdout",
        names_client=True,
        checked="memory",
        files=(
            LogFile(inside="/config/log/nginx/error.log*", host=("/var/log/nginx/error.log",)),
            LogFile(inside="/var/log/nginx/error.log"),
        ),
    ),
    Service(
        name="adguardhome",
        title="AdGuard Home",
        images=("adguardhome", "adguard"),
        failures="stdout",
        names_client=True,
        checked="memory",
        client_setting=Setting(
            where="AdGuardHome.yaml",
            paste="dns:\n  trusted_proxies: [127.0.0.0/8, 172.18.0.0/16]",
            why="logs the proxy's address otherwise",
            checked="memory",
        ),
        logins=(LoginRequest(paths=("/control/login",), failure=(400, 403, 429), success=(200,)),),
    ),
    Service(
        name="pihole",
        title="Pi-hole",
        images=("pihole", "pi-hole"),
        failures="proxy",
        names_client=False,
        checked="read",
        files=(LogFile(inside="/var/log/pihole/FTL.log"),),
        needs=Setting(
            where="environment",
            paste='FTLCONF_debug_api: "true"',
            why="writes no line of a wrong password otherwise; not needed behind Traefik",
            checked="memory",
        ),
        logins=(LoginRequest(paths=("/api/auth",), failure=(401,), success=(200,)),),
    ),
    Service(
        name="sshd",
        title="OpenSSH",
        images=("sshd", "openssh-server"),
        failures="file",
        names_client=True,
        checked="read",
        files=(
            LogFile(inside="/config/logs/openssh/current", host=("/var/log/auth.log", "/var/log/secure")),
        ),
    ),
    Service(
        name="postgresql",
        title="PostgreSQL",
        images=("postgres", "postgresql"),
        failures="stdout",
        names_client=False,
        checked="memory",
        needs=Setting(
            where="compose file",
            paste="command: postgres -c log_line_prefix='%m [%p] %h '",
            why="a wrong password is logged by default, but without an address",
            checked="memory",
        ),
    ),
    Service(
        name="mysql",
        title="MySQL",
        images=("mysql", "mysql-server", "percona"),
        failures="stdout",
        names_client=True,
        checked="read",
        needs=Setting(
            where="compose file",
            paste="command: --log-error-verbosity=3",
            why="says nothing of a refused login at its default verbosity",
            checked="read",
        ),
    ),
    Service(
        name="mariadb",
        title="MariaDB",
        images=("mariadb", "mariadb-server"),
        failures="stdout",
        names_client=True,
        checked="measured",
    ),
    Service(
        name="navidrome",
        title="Navidrome",
        images=("navidrome",),
        failures="stdout",
        names_client=True,
        checked="memory",
        client_setting=Setting(
            where="environment",
            paste="ND_EXTAUTH_TRUSTEDSOURCES: 172.18.0.0/16",
            why="only where the proxy logs people in",
            checked="memory",
        ),
        logins=(LoginRequest(paths=("/auth/login",), failure=(401,), success=(200,)),),
    ),
    Service(
        name="plex",
        title="Plex",
        images=("plex", "pms-docker", "plexmediaserver"),
        failures="nowhere",
        names_client=False,
        checked="read",
    ),
    Service(
        name="watchtower",
        title="Watchtower",
        images=("watchtower",),
        failures="nowhere",
        names_client=False,
        checked="read",
    ),
)
