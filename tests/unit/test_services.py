"""The table of known services: it agrees with the packs, the page for people, and itself."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.parts.scene import ROOT, shipped

from nightporter.services import KNOWN, Service, recognised
from nightporter.sources.docker.container import image_names

PAGE = (ROOT / "docs/services.md").read_text()


def heard() -> dict[str, set[str]]:
    """What a pack listens to (`from: service:…`), and the services it makes events of."""
    made: dict[str, set[str]] = {}
    for entry in shipped().enrichers:
        for source in entry.sources:
            if source.startswith("service:"):
                made.setdefault(source.removeprefix("service:"), set()).add(str(dict(entry.sets)["service"]))
    return made


@pytest.mark.parametrize("service", KNOWN.values(), ids=lambda service: service.name)
def test_a_row_is_whole(service: Service) -> None:
    assert KNOWN[service.name] is service
    assert service.title in PAGE
    for settings in (service.needs, service.client_setting):
        if settings is not None:
            assert settings.where
            assert settings.paste.strip() == settings.paste != ""
            assert settings.why[0].islower()
    for request in service.logins:
        assert all(path.startswith("/") for path in request.paths)
        assert all(100 <= status <= 599 for status in (*request.failure, *request.success))
    if service.failures == "proxy":
        assert any(request.telling for request in service.logins), "the proxy must be able to tell"
    if service.failures == "file":
        assert service.files


@pytest.mark.parametrize("name", sorted(heard()))
def test_whatever_a_pack_listens_to_is_known(name: str) -> None:
    found = recognised([name])
    assert found is not None
    assert found.failures != "nowhere"


@pytest.mark.parametrize(
    "service",
    [s for s in KNOWN.values() if s.failures in ("stdout", "file") and s.name != "traefik"],
    ids=lambda service: service.name,
)
def test_a_container_that_is_recognised_has_a_pack_that_listens(service: Service) -> None:
    for image in service.images:
        names = image_names(f"registry.example/somebody/{image}:latest")
        assert set(names) & set(heard()), image


def test_no_name_stands_for_two() -> None:
    names = Counter(name for s in KNOWN.values() for name in {s.name, *s.images})
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("lscr.io/linuxserver/ombi:latest", "ombi"),
        ("sctx/overseerr", "overseerr"),
        ("ghcr.io/seerr-team/seerr:2", "seerr"),
        ("portainer/portainer-ce:2.21.4", "portainer"),
        ("grafana/grafana-oss:11.3.0", "grafana"),
        ("louislam/uptime-kuma:1", "uptime-kuma"),
        ("vaultwarden/server:latest", "vaultwarden"),
        ("ghcr.io/goauthentik/server:2026.10", "authentik"),
        ("ghcr.io/home-assistant/home-assistant:stable", "home-assistant"),
        ("jc21/nginx-proxy-manager:latest", "nginx-proxy-manager"),
        ("codeberg.org/forgejo/forgejo:9", "gitea"),
        ("postgres:17-alpine@sha256:0123", "postgresql"),
        ("emby/embyserver", "emby"),
        ("haugene/transmission-openvpn", "transmission"),
        ("containrrr/watchtower", "watchtower"),
    ],
)
def test_real_images_are_recognised(image: str, name: str) -> None:
    found = recognised(image_names(image))
    assert found is not None
    assert found.name == name


def test_what_is_not_known_is_not_guessed() -> None:
    assert recognised(["my-ombi-backup", "redis"]) is None
    assert recognised([]) is None


def test_the_first_name_that_is_known_decides() -> None:
    found = recognised(["app", "Ombi", "mysql"])
    assert found is not None
    assert found.name == "ombi"


def test_nobody_can_change_the_table() -> None:
    with pytest.raises(TypeError):
        KNOWN["ombi"] = KNOWN["plex"]  # type: ignore[index]  # what must not be possible
