"""config.yaml → Config: what an empty file means, every key, secrets, and that none of them is ever shown."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from nightporter import bundled, configfile
from nightporter.config import (
    AppriseDestination,
    Caps,
    Config,
    DockerSource,
    FileDestination,
    FileSource,
    LogConfig,
    QuietHours,
    Route,
    Secret,
    TerminalDestination,
)
from nightporter.configfile import World, parse_config, surroundings
from nightporter.errors import BadFiles
from nightporter.model import Severity
from nightporter.rulefiles import texts
from nightporter.yamltext.page import Node, Page

WORLD = World(
    env={"DISCORD_URL": "discord://1/TOKEN"}, home=Path("/home/ada"), state=Path("/state"), platform="linux"
)
HOME = "/home/ada/.config/nightporter/config.yaml"


def config_of(text: str, world: World = WORLD, file: str = HOME) -> Config:
    loaded = parse_config(file, text, world)
    assert [str(p) for p in loaded.problems if not p.warning] == []
    return loaded.config


def told(text: str, world: World = WORLD, file: str = "config.yaml") -> str:
    return "\n".join(map(str, parse_config(file, text, world).problems))


def test_an_empty_file_watches_traefik_and_docker_and_tells_the_terminal() -> None:
    assert config_of("") == Config(
        state=Path("/state"),
        sources=(
            FileSource(name="traefik", paths=("/tmp/traefik.log",), format="traefik"),
            DockerSource(name="docker"),
        ),
        rule_dirs=(Path("/home/ada/.config/nightporter/rules"),),
        destinations=(TerminalDestination(name="terminal"),),
        path=Path(HOME),
    )


@pytest.mark.parametrize(
    "text", ["# only a comment\n", "---\n", "timezone:\nsources:\nlog: {path: null}\n", "null\n"]
)
def test_null_is_the_default(text: str) -> None:
    assert config_of(text) == config_of("")


def test_every_key() -> None:
    config = config_of(
        """
timezone: Europe/Berlin
state: ~/state
log: {level: debug, path: np.log}
sources:
  - {name: proxy, kind: file, format: traefik, paths: [/tmp/traefik.log, "~/logs/*.log"], service: edge,
     tz: Asia/Tokyo, trusted_proxies: [10.0.0.7/8, "::ffff:1.2.3.4"], start: beginning, lateness: 30s}
  - {name: engine, kind: docker, containers: [ombi, "service:sonarr", "image:grafana/*", "label:np=1"],
     exclude: watchtower, host: tcp://nas:2376}
rules: {shipped: off, dirs: [mine], sigma: [], fail2ban: {}}
watch: {ombi: [unauthorized, "database is locked"], sonarr: fatal}
destinations:
  - {name: phone, kind: apprise, url: "${DISCORD_URL}", mention: {critical: "<@123456>"}}
  - {name: terminal, kind: terminal}
  - {name: all, kind: file, path: alerts.jsonl}
routes:
  - {to: phone}
  - {to: phone, min_severity: low, rules: [login-*], tags: [attack.t1110]}
quiet: "23:00-07:30"
caps: {per_hour: 2}
digest: "7:05"
""",
    )
    folder = Path(HOME).parent
    assert config == Config(
        timezone="Europe/Berlin",
        state=Path("/home/ada/state"),
        log=LogConfig(level="debug", path=folder / "np.log"),
        sources=(
            FileSource(
                name="proxy",
                paths=("/tmp/traefik.log", "/home/ada/logs/*.log"),
                format="traefik",
                service="edge",
                tz="Asia/Tokyo",
                trusted_proxies=("10.0.0.0/8", "1.2.3.4"),
                start="beginning",
                lateness_s=30.0,
            ),
            DockerSource(
                name="engine",
                containers=("ombi", "service:sonarr", "image:grafana/*", "label:np=1"),
                exclude=("watchtower",),
                host="tcp://nas:2376",
            ),
        ),
        shipped_rules=False,
        rule_dirs=(folder / "mine",),
        rule_dirs_named=True,
        watch={"ombi": ("unauthorized", "database is locked"), "sonarr": ("fatal",)},
        destinations=(
            AppriseDestination(
                name="phone", url=Secret("discord://1/TOKEN"), mention={Severity.critical: "<@123456>"}
            ),
            TerminalDestination(name="terminal"),
            FileDestination(name="all", path=folder / "alerts.jsonl"),
        ),
        routes=(
            Route(to="phone"),
            Route(to="phone", min_severity=Severity.low, rules=("login-*",), tags=("attack.t1110",)),
        ),
        quiet=QuietHours(start=23 * 60, end=7 * 60 + 30),
        caps=Caps(per_hour=2, per_day=30),
        digest=7 * 60 + 5,
        path=Path(HOME),
    )
    phone = config.destinations[0]
    assert isinstance(phone, AppriseDestination)
    assert phone.url.reveal() == "discord://1/TOKEN"


def test_without_routes_every_apprise_destination_has_one() -> None:
    config = config_of(
        """
destinations:
  - {name: phone, kind: apprise, url: "json://localhost"}
  - {name: terminal, kind: terminal}
"""
    )
    assert config.routes == (Route(to="phone", min_severity=Severity.medium),)


def test_the_example_says_what_an_empty_file_means() -> None:
    text = bundled.example_config().read_text()
    assert config_of(text) == config_of("")


def test_the_example_shows_every_key() -> None:
    text = bundled.example_config().read_text()
    shown = set(re.findall(r"^([a-z_]+):", text, re.MULTILINE))
    assert shown == set(configfile.KEYS)


def example_in_use() -> str:
    """The example with all that it shows behind a `#` taken in."""
    text = bundled.example_config().read_text()
    used = re.sub(r"^( *)#(?=[- ] ?[-\w ]*[-{\[].*[}\]]$)", r"\1", text, flags=re.MULTILINE)
    used = re.sub(r"^#(?= +(?:- \{|ombi: ))", "", used, flags=re.MULTILINE)
    return re.sub(r"^(watch|routes): .*$", r"\1:", used, flags=re.MULTILINE)


def test_the_examples_in_the_example_load() -> None:
    world = replace(WORLD, home=Path("/home/ada"))
    loaded = parse_config(HOME, example_in_use(), world)
    wrong = [str(p) for p in loaded.problems]
    assert len(wrong) == 1, wrong
    assert "mail-url cannot be read" in wrong[0]  # there is no such file here; all else holds
    names = ["traefik", "docker", "ombi", "ombi-volume", "outside", "web", "ports", "front", "certificates"]
    names += ["services", "jobs", "eyes", "mac-firewall", "mac", "ups", "disks", "backups", "watched"]
    assert [s.name for s in loaded.config.sources] == names
    assert [d.name for d in loaded.config.destinations] == ["terminal", "phone", "post", "everything"]
    assert [r.to for r in loaded.config.routes] == ["phone", "post"]
    assert loaded.config.watch == {"ombi": ("unauthorized", "database is locked")}


def test_the_example_shows_every_key_of_every_part(monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, set[str]] = {}
    shown: dict[str, set[str]] = {}
    real = Page.keyed

    def noted(page: Page, node: Node, what: str, keys: Collection[str]) -> dict[str, Node] | None:
        table = real(page, node, what, keys)
        known.setdefault(what, set()).update(keys)
        shown.setdefault(what, set()).update(table or ())
        return table

    monkeypatch.setattr(Page, "keyed", noted)
    parse_config(HOME, example_in_use(), WORLD)
    assert len(known) >= 10
    later = {"sigma", "fail2ban"}  # refused until a later version
    assert {what: keys - shown[what] - later for what, keys in known.items()} == {
        what: set() for what in known
    }


def test_dollar_names_are_the_environments() -> None:
    world = replace(WORLD, env={"ZONE": "Europe/Berlin", "WHERE": "/logs"})
    config = config_of(
        'timezone: ${ZONE}\nsources:\n  - {name: a, kind: file, paths: ["${WHERE}/a.log", "/b/$${x}.log"]}\n',
        world,
    )
    assert config.timezone == "Europe/Berlin"
    assert config.sources[0] == FileSource(name="a", paths=("/logs/a.log", "/b/${x}.log"))


def test_what_the_environment_gives_is_text_not_yaml() -> None:
    world = replace(WORLD, env={"WORDS": "[a, b]"})
    assert config_of("watch: {ombi: ${WORDS}}".replace("${WORDS}", '"${WORDS}"'), world).watch == {
        "ombi": ("[a, b]",)
    }


@pytest.mark.parametrize("env", [{}, {"DISCORD_URL": ""}], ids=["missing", "empty"])
def test_a_variable_that_is_not_set_is_told(env: dict[str, str]) -> None:
    text = 'destinations:\n  - {name: p, kind: apprise, url: "${DISCORD_URL}"}\n'
    assert "the environment variable DISCORD_URL is not set" in told(text, replace(WORLD, env=env))


def test_no_message_shows_a_url() -> None:
    text = """
destinations:
  - {name: p, kind: apprise, url: "discord://1/HIDDEN", extra: 1}
  - {name: q, kind: "discord://1/HIDDEN", url: discord://1/HIDDEN}
  - {name: r, kind: apprise, url: discord://1/HIDDEN: x}
  - {name: s, kind: apprise, url: "json://x", mention: {high: "discord://1/HIDDEN"}}
  - {name: t, kind: "${DISCORD_URL}"}
"""
    world = replace(WORLD, env={"DISCORD_URL": "discord://1/HIDDEN"})
    words = told(text, world)
    assert words.count("config.yaml:") >= 5
    assert "HIDDEN" not in words


def test_a_config_never_shows_its_secrets(tmp_path: Path) -> None:
    config = config_of('destinations:\n  - {name: p, kind: apprise, url: "${DISCORD_URL}"}\n')
    for shown in (repr(config), str(config), f"{config.destinations[0]}"):
        assert "TOKEN" not in shown


def test_a_missing_file_is_fine_only_where_nobody_named_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    loaded = configfile.read()
    assert loaded.ok
    assert loaded.config.rule_dirs == (tmp_path / ".config/nightporter/rules",)
    with pytest.raises(BadFiles, match="cannot be read: no such file"):
        configfile.read(tmp_path / "none.yaml")


def test_a_pipe_is_no_config_and_waits_for_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.yaml")
    with pytest.raises(BadFiles, match="a pipe, not a file"):
        configfile.read(tmp_path / "config.yaml")


def test_a_log_that_cannot_be_one_is_a_mistake(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "log").touch()
    file = str(tmp_path / "config.yaml")
    assert "1:13: the log's path leads to a pipe" in told("log: {path: pipe}", file=file)
    assert "1:13: the log's path leads to a folder" in told("log: {path: .}", file=file)
    for fine in ("log", "not/yet", "/dev/null"):
        assert told(f"log: {{path: {fine}}}", file=file) == ""


def test_an_empty_list_of_destinations_would_tell_nobody() -> None:
    assert "1:15: an empty list: nobody would be told" in told("destinations: []")


def test_trusting_every_proxy_is_a_warning() -> None:
    text = (
        'sources:\n  - {name: t, kind: file, paths: [a], trusted_proxies: [10.0.0.0/8, 0.0.0.0/0, "::/1"]}\n'
    )
    problems = parse_config(HOME, text, WORLD).problems
    assert [(problem.place.column, problem.warning) for problem in problems] == [(69, True), (80, True)]
    assert "0.0.0.0/0 as a trusted proxy: any visitor may then name another client" in str(problems[0])


def test_folders_of_rules_that_the_config_names_must_be_there(tmp_path: Path) -> None:
    loaded = parse_config(str(tmp_path / "config.yaml"), "rules: {dirs: [rules, none]}", WORLD)
    assert loaded.problems == ()
    assert loaded.config.rule_dirs == (tmp_path / "rules", tmp_path / "none")
    (tmp_path / "rules").mkdir()
    _, problems = texts(loaded.config)
    assert [problem.place.file for problem in problems] == [str(tmp_path / "none")]

    (tmp_path / "rules").rmdir()
    by_itself = parse_config(str(tmp_path / "config.yaml"), "", WORLD).config
    assert texts(by_itself)[1] == ()
    (tmp_path / "rules").symlink_to(tmp_path / "moved")
    assert "it leads to" in texts(by_itself)[1][0].found


def test_an_apprise_destination_without_a_route_is_a_warning() -> None:
    text = 'destinations:\n  - {name: p, kind: apprise, url: "json://x"}\nroutes: []\n'
    loaded = parse_config("config.yaml", text, WORLD)
    assert loaded.ok
    assert "no route leads to the destination 'p'" in str(loaded.problems[0])


def test_what_rule_files_may_refer_to() -> None:
    config = config_of("watch: {ombi: [x]}")
    known = surroundings(config)
    assert known.sources == {"traefik": "traefik", "docker": "docker"}
    assert known.destinations == ("terminal",)
    assert known.watch == {"ombi": ("x",)}
    assert known.watch_file == HOME
