"""What could be asked: by published ports, by Traefik's entry points, by the hosts of its routers."""

from __future__ import annotations

from collections.abc import Mapping

from nightporter.config import ContainerProbe, HttpProbe, Probe, TcpProbe
from nightporter.doctor.containers import Running
from nightporter.services import KNOWN
from nightporter.sources.docker.container import COMPOSE_SERVICE, Container, Published
from nightporter.survey.candidates import entry_points, of_hosts, of_services, of_traefik
from nightporter.survey.ports import WEB
from nightporter.traefikconfig import EntryPoint, Router, StaticConfig, of_tree, read_labels, routers


def running(
    name: str,
    *ports: Published,
    image: str = "busybox",
    labels: Mapping[str, str] | None = None,
    host: bool = False,
    up: bool = True,
) -> Running:
    container = Container(
        id="0" * 64, name=name, image=image, labels=labels or {}, running=up, published=ports
    )
    return Running(container=container, shares_network=host)


def port(outside: int, inside: int, address: str = "0.0.0.0", protocol: str = "tcp") -> Published:
    return Published(outside, protocol, address, inside)


def asked(*found: Running) -> dict[str, Probe]:
    return {probe.name: probe for probe in of_services(found)}


def url(probe: Probe) -> str:
    assert isinstance(probe, HttpProbe)
    return probe.url.reveal()


def test_every_service_with_a_page_is_a_known_one() -> None:
    assert set(WEB) <= set(KNOWN)


def test_known_services_are_asked_for_a_page_and_others_for_a_connection() -> None:
    found = asked(
        running("sonarr", port(18989, 8989)),
        running("admin", port(9443, 9443, "192.168.1.5"), image="portainer/portainer-ce:2.21"),
        running("own", port(7000, 70), port(7001, 71)),
        running("db", port(5432, 5432, "::"), image="postgres:16"),
        running("quiet"),
        running("dns", port(53, 53, protocol="udp")),
    )
    assert url(found["sonarr"]) == "http://127.0.0.1:18989/ping"
    assert url(found["admin"]) == "https://192.168.1.5:9443/api/status"
    assert found["own"] == TcpProbe(name="own", host="127.0.0.1", port=7000)
    assert found["db"] == TcpProbe(name="db", host="127.0.0.1", port=5432)
    assert found.keys() == {"sonarr", "admin", "own", "db", "plex"}, "no port, no probe; Plex may run without"


def test_mysql_is_never_connected_to() -> None:
    for image in ("mysql:8", "mariadb:11"):
        found = asked(running("db", port(3306, 3306), image=image))
        assert found["db"] == ContainerProbe(name="db", container="db")


def test_what_does_not_stay_is_not_asked() -> None:
    once = {"com.docker.compose.oneoff": "True"}
    found = asked(running("job", port(1, 1), labels=once), running("gone", port(2, 2), up=False))
    assert found.keys() == {"plex"}


def test_a_probe_is_called_as_its_compose_service() -> None:
    labels = {COMPOSE_SERVICE: "sonarr"}
    found = asked(running("media-sonarr-1", port(8989, 8989), labels=labels))
    assert found["sonarr"].service == ""
    found = asked(running("x", port(8989, 8989), labels=labels))
    assert found["x"].service == "sonarr", "by this word one outage is one"


def test_a_container_in_this_machines_network_is_asked_at_its_usual_port() -> None:
    assert url(asked(running("plex", host=True))["plex"]) == "http://127.0.0.1:32400/identity"
    assert "own" not in asked(running("own", host=True))


def test_there_is_an_end_and_known_services_come_first() -> None:
    many = [running(f"c{number}", port(1000 + number, 1)) for number in range(40)]
    found = of_services([*many, running("sonarr", port(8989, 8989))])
    assert len(found) == 21
    assert found[0].name == "sonarr"


# Traefik

STATIC = StaticConfig(
    place="/etc/traefik/traefik.yml",
    points=(
        EntryPoint(name="websecure", host="127.0.0.1", port=443, tls=True),
        EntryPoint(name="web", host="127.0.0.1", port=80),
        EntryPoint(name="traefik", host="127.0.0.1", port=8080),
    ),
)


def test_traefiks_doors_without_the_dashboards() -> None:
    assert [url(probe) for probe in of_traefik([STATIC], [])] == [
        "http://127.0.0.1:80/",
        "https://127.0.0.1:443/",
    ]


def test_in_a_container_they_are_where_they_are_published() -> None:
    inside = running("proxy", port(8443, 443), port(8081, 8080), image="traefik:v3")
    assert entry_points([STATIC], [inside]) == (
        EntryPoint(name="websecure", host="127.0.0.1", port=8443, tls=True),
    )
    assert "proxy" not in asked(inside)


def test_addresses_of_entry_points() -> None:
    tree = {
        "entryPoints": {
            "a": {"address": ":80"},
            "b": {"address": "0.0.0.0:81/tcp", "http": {"tls": {}}},
            "c": {"address": "[::]:82"},
            "d": {"address": "10.0.0.1:83"},
            "e": {"address": ":84/udp"},
            "f": {"address": "what"},
            "g": {},
        }
    }
    assert of_tree("x", tree).points == (
        EntryPoint(name="a", host="127.0.0.1", port=80),
        EntryPoint(name="b", host="127.0.0.1", port=81, tls=True),
        EntryPoint(name="c", host="127.0.0.1", port=82),
        EntryPoint(name="d", host="10.0.0.1", port=83),
    )


def test_a_log_that_leaves_requests_out_is_known() -> None:
    assert of_tree("x", {"accessLog": {"filters": {"statusCodes": ["500"]}}}).choosy
    assert of_tree("x", {"accessLog": {"bufferingSize": 100}}).choosy
    assert not of_tree("x", {"accessLog": {"bufferingSize": 0}}).choosy


def test_hosts_of_routers_by_file_and_by_label() -> None:
    tree = {
        "http": {
            "routers": {
                "one": {"rule": "Host(`a.example`) || Host(`B.example`, 'c.example')", "tls": {}},
                "two": {"rule": "HostRegexp(`.*`)", "tls": {}},
                "three": {"rule": 'Host("d.example") && PathPrefix(`/x`)', "entryPoints": ["web"]},
            }
        }
    }
    assert routers(tree) == (
        Router(hosts=("a.example", "b.example", "c.example"), points=(), tls=True),
        Router(hosts=("d.example",), points=("web",), tls=False),
    )
    labels = {
        "traefik.http.routers.x.rule": "Host(`x.example`)",
        "traefik.http.routers.x.tls.certresolver": "le",
        "traefik.enable": "true",
        "traefik.http.routers.y.rule": "Host(`y.example`)",
        "traefik.http.routers.y.tls": "false",
        "other": "z",
    }
    assert routers(read_labels(labels)) == (
        Router(hosts=("x.example",), points=(), tls=True),
        Router(hosts=("y.example",), points=(), tls=False),
    )


def test_certificates_are_asked_for_at_traefiks_door() -> None:
    known = (
        Router(hosts=("a.example",), points=(), tls=True),
        Router(hosts=("b.example",), points=("websecure",), tls=False),
        Router(hosts=("c.example",), points=("web",), tls=False),
    )
    found = of_hosts(known, STATIC.points, frozenset({"websecure"}))
    assert [(probe.server_name, probe.host, probe.port) for probe in found] == [
        ("a.example", "127.0.0.1", 443),
        ("b.example", "127.0.0.1", 443),
    ]
    assert {probe.service for probe in found} == {"traefik"}
    assert of_hosts(known, STATIC.points[1:], frozenset()) == (), "nothing speaks TLS here"


def test_traefik_is_called_as_docker_calls_it() -> None:
    """So that what its probe and its container tell is one outage."""
    static = of_tree("/t/traefik.yml", {"entrypoints": {"web": {"address": ":80"}}})
    for name, service in (("edge", "edge"), ("traefik", "")):
        proxy = running(name, port(80, 80), image="traefik:v3")
        assert [(probe.name, probe.service) for probe in of_traefik((static,), (proxy,))] == [
            ("traefik", service)
        ]
    two = (running("edge", image="traefik:v3", host=True), running("inner", image="traefik:v3"))
    assert [probe.service for probe in of_traefik((static,), two)] == [""]
    door = EntryPoint(name="websecure", host="127.0.0.1", port=443, tls=True)
    router = Router(hosts=("a.example",), points=(), tls=True)
    (shown,) = of_hosts((router,), (door,), frozenset(), "edge")
    assert shown.service == "edge"
