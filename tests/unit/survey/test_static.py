"""Traefik's static config means the same in each of its spellings."""

from __future__ import annotations

import pytest

from nightporter import traefikconfig as static
from nightporter.traefikconfig import EntryPoint, StaticConfig

YAML = """
entryPoints:
  web:
    address: ":80"
  websecure:
    forwardedHeaders:
      trustedIPs: [127.0.0.1/32, 192.168.1.7]
certificatesResolvers:
  le:
    acme: {email: me@example.org, storage: certificates/acme.json}
log: {filePath: /var/log/traefik/traefik.log}
accessLog:
  filePath: /var/log/traefik/access.log
  format: json
  fields: {headers: {defaultMode: drop, names: {User-Agent: keep}}}
"""
TOML = """
[entryPoints.web]
address = ":80"
[entryPoints.websecure.forwardedHeaders]
trustedIPs = ["127.0.0.1/32", "192.168.1.7"]
[certificatesResolvers.le.acme]
storage = "certificates/acme.json"
[log]
filePath = "/var/log/traefik/traefik.log"
[accessLog]
filePath = "/var/log/traefik/access.log"
format = "json"
[accessLog.fields.headers]
defaultMode = "drop"
[accessLog.fields.headers.names]
User-Agent = "keep"
"""
WORDS = [
    "--entryPoints.web.address=:80",
    "--entrypoints.websecure.forwardedHeaders.trustedIPs=127.0.0.1/32,192.168.1.7",
    "--certificatesresolvers.le.acme.storage=certificates/acme.json",
    "--log.filePath=/var/log/traefik/traefik.log",
    "--accesslog",
    "--accesslog.filepath",
    "/var/log/traefik/access.log",
    "--accesslog.format=json",
    "--accesslog.fields.headers.names.User-Agent=keep",
]
ENVIRON = [
    ("TRAEFIK_ENTRYPOINTS_WEB_ADDRESS", ":80"),
    ("TRAEFIK_ENTRYPOINTS_WEBSECURE_FORWARDEDHEADERS_TRUSTEDIPS", "127.0.0.1/32,192.168.1.7"),
    ("TRAEFIK_CERTIFICATESRESOLVERS_LE_ACME_STORAGE", "certificates/acme.json"),
    ("TRAEFIK_LOG_FILEPATH", "/var/log/traefik/traefik.log"),
    ("TRAEFIK_ACCESSLOG_FILEPATH", "/var/log/traefik/access.log"),
    ("TRAEFIK_ACCESSLOG", "true"),
    ("TRAEFIK_ACCESSLOG_FORMAT", "json"),
    ("TRAEFIK_ACCESSLOG_FIELDS_HEADERS_DEFAULTMODE", "keep"),
    ("PATH", "/bin"),
]
ALL = StaticConfig(
    place="here",
    access=True,
    access_path="/var/log/traefik/access.log",
    json=True,
    keeps_headers=True,
    service_path="/var/log/traefik/traefik.log",
    trusted=("127.0.0.1/32", "192.168.1.7"),
    acme=("certificates/acme.json",),
    points=(EntryPoint(name="web", host="127.0.0.1", port=80),),
)


@pytest.mark.parametrize(
    "tree",
    [
        static.read_file("traefik.yml", YAML),
        static.read_file("traefik.toml", TOML),
        static.read_arguments(WORDS),
        static.read_environ(ENVIRON),
    ],
    ids=["yaml", "toml", "arguments", "environment"],
)
def test_each_spelling_says_the_same(tree: static.Tree) -> None:
    assert static.of_tree("here", tree) == ALL


def test_nothing_said_is_no_access_log_and_no_headers() -> None:
    assert static.of_tree("x", {}) == StaticConfig(place="x")
    assert static.of_tree("x", static.read_arguments(["--accesslog=false"])).access is False


def test_an_empty_access_log_goes_to_standard_output() -> None:
    for text in ("accessLog: {}", "accessLog:"):
        found = static.of_tree("x", static.read_file("t.yml", text) or {})
        assert (found.access, found.access_path, found.log_paths) == (True, "", ())


@pytest.mark.parametrize(
    ("name", "text"),
    [("t.yml", "a: [1"), ("t.yml", "a: !!python/object:x {}"), ("t.toml", "a ="), ("t.yml", "[" * 5000)],
)
def test_text_that_is_none_is_told(name: str, text: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        static.read_file(name, text)


@pytest.mark.parametrize("text", ["", "- a list", "word", "accessLog: [1]\nentryPoints: 3\nlog: x"])
def test_odd_shapes_say_nothing(text: str) -> None:
    tree = static.read_file("t.yml", text)
    assert tree is None or static.of_tree("x", tree).log_paths == ()


def test_the_config_file_is_taken_from_the_arguments() -> None:
    assert static.config_file(static.read_arguments(["--configFile=/etc/t.yml", "--api"])) == "/etc/t.yml"
    assert static.config_file(static.read_arguments(["--configfile", "/etc/t.yml"])) == "/etc/t.yml"
    assert static.config_file({}) == ""


@pytest.mark.parametrize(
    "tree",
    [
        static.read_file("t.yml", "entryPoints: {web: {forwardedHeaders: {insecure: true}}, other: {}}"),
        static.read_file("t.yml", "entryPoints: {web: {proxyProtocol: {insecure: true}}}"),
        static.read_arguments(["--entrypoints.web.forwardedHeaders.insecure"]),
        static.read_arguments(["--entryPoints.web.forwardedHeaders.insecure=TRUE"]),
        static.read_environ([("TRAEFIK_ENTRYPOINTS_WEB_FORWARDEDHEADERS_INSECURE", "true")]),
    ],
)
def test_an_entry_point_that_believes_anybody_is_named(tree: static.Tree) -> None:
    assert static.of_tree("x", tree).insecure == ("web",)


@pytest.mark.parametrize("text", ["insecure: false", "trustedIPs: [127.0.0.1]", "insecure: [1]", "insecure:"])
def test_one_that_does_not_is_not(text: str) -> None:
    tree = static.read_file("t.yml", f"entryPoints: {{web: {{forwardedHeaders: {{{text}}}}}}}")
    assert static.of_tree("x", tree or {}).insecure == ()
