"""Each check alone: frozen facts in, findings out. What needs a machine to be wrong is here, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.parts.clock import NOON

from nightporter.agent.service import ServiceState
from nightporter.config import AllowList as Named
from nightporter.config import Config, FileSource
from nightporter.doctor import (
    agent,
    allowlist,
    clocks,
    configuration,
    containers,
    daemon,
    destinations,
    logfiles,
    network,
    places,
    proxy,
    storage,
)
from nightporter.doctor.finding import Finding
from nightporter.model import DAY, HOUR, MINUTE, SECOND
from nightporter.sources.docker.container import Container

MINE = "/Users/mina"
LOG = proxy.ProxyLog(
    source="traefik",
    path="/var/log/access.log",
    real="/var/log/access.log",
    json=100,
    agents=100,
    referers=50,
    first=NOON - 10 * MINUTE,
    last=NOON - SECOND,
    written=NOON,
    clients=(("203.0.113.9", 60), ("192.168.1.7", 40)),
)
STORAGE = storage.StorageFacts(
    folder="/state", free=50 << 30, writable=True, database="/state/n.db", verdict="ok"
)


def about_log(log: proxy.ProxyLog, **facts: str) -> list[Finding]:
    whole = proxy.ProxyFacts(
        logs=(log,),
        now=NOON,
        platform=facts.get("platform", "darwin"),
        home=MINE,
        user="mina",
        emptied=("/tmp", "/private/tmp"),
    )
    return list(proxy.findings(whole))


def only(findings: Iterator[Finding] | list[Finding], state: str = "wrong") -> Finding:
    (found,) = [finding for finding in findings if finding.state == state]
    return found


# -- Traefik


def test_a_healthy_log_says_its_form_its_rate_and_its_headers() -> None:
    assert [f.what for f in about_log(LOG)] == [
        "/var/log/access.log: JSON, 10 a minute, keeps User-Agent and Referer",
        "/var/log/access.log: the last request was 1 s ago",
    ]


def test_a_log_of_traefiks_own_messages_is_right_beside_one_with_requests() -> None:
    own = replace(LOG, path="/l/traefik.log", json=0, common=0, generic=0, service=9)
    facts = proxy.ProxyFacts(logs=(LOG, own), now=NOON, platform="linux", home="/home/o", user="o")
    told = [finding for finding in proxy.findings(facts) if "/l/traefik.log" in finding.what]
    assert [finding.state for finding in told] == ["right"]


@pytest.mark.parametrize("real", ["/tmp/traefik.log", "/private/tmp/traefik.log"])
def test_tmp_is_emptied_by_macos_and_the_mend_is_whole(real: str) -> None:
    found = only(about_log(replace(LOG, path="/tmp/traefik.log", real=real)))
    assert "macOS empties it at every start" in found.what
    assert found.mend.splitlines() == [
        "mkdir -p /Users/mina/Library/Logs/Traefik",
        "# in traefik.yml:",
        "accessLog:",
        "  filePath: /Users/mina/Library/Logs/Traefik/access.log",
        "  format: json",
        "# in com.traefik.startup.plist, so that its process number is known:",
        "#   /bin/sh -c 'echo $$ > /Users/mina/Library/Logs/Traefik/traefik.pid; "
        "exec /usr/local/bin/traefik ...'",
        "# one line in /etc/newsyslog.d/traefik.conf; 30 is SIGUSR1, at which Traefik opens its log anew:",
        "/Users/mina/Library/Logs/Traefik/access.log mina:staff 640 5 10240 * J "
        "/Users/mina/Library/Logs/Traefik/traefik.pid 30",
        "# in the source 'traefik' of Nightporter's config:",
        "paths: [/Users/mina/Library/Logs/Traefik/access.log]",
    ]


def test_elsewhere_tmp_is_worth_a_word() -> None:
    assert "emptied" in only(about_log(replace(LOG, real="/tmp/x.log"), platform="linux"), "note").what


def test_a_folder_that_only_begins_alike_is_not_tmp() -> None:
    assert about_log(replace(LOG, real="/tmpfiles/x.log")) == about_log(LOG)


@pytest.mark.parametrize(
    ("clients", "lines", "wrong"),
    [
        pytest.param((("192.168.65.1", 100),), 100, True, id="Docker Desktop"),
        pytest.param((("127.0.0.1", 100),), 100, True, id="a tunnel"),
        pytest.param((("fd00::1", 100),), 100, True, id="IPv6"),
        pytest.param((("192.168.65.1", 29),), 29, False, id="too few to say"),
        pytest.param((("203.0.113.9", 100),), 100, False, id="one visitor from outside"),
        pytest.param((("192.168.65.1", 99), ("10.0.0.1", 1)), 100, False, id="two"),
    ],
)
def test_one_inside_address_for_all(clients: tuple[tuple[str, int], ...], lines: int, wrong: bool) -> None:
    found = list(proxy.about_clients(replace(LOG, clients=clients, json=lines)))
    assert bool(found) is wrong


def test_a_refused_log_is_told_with_the_files_and_a_missing_one_here() -> None:
    refused = proxy.ProxyLog(
        source="traefik", path="/x", real="/x", trouble="cannot be read: Permission denied"
    )
    assert only(about_log(refused), "blind").what == "/x cannot be read: Permission denied: see files"
    missing = replace(refused, trouble="is not there", missing=True)
    assert only(about_log(missing)).mend.startswith("accessLog:  ")


def test_a_log_that_nobody_reads_is_given_as_a_source() -> None:
    facts = proxy.ProxyFacts(
        logs=(LOG,),
        now=NOON,
        platform="darwin",
        home=MINE,
        user="mina",
        elsewhere=(("/new.log", "an agent"),),
    )
    found = only(proxy.findings(facts))
    assert "/new.log is a log of Traefik's (an agent), and no source reads it" in found.what
    assert found.mend == ("sources:\n  - {name: traefik, kind: file, paths: [/new.log], format: traefik}")
    assert only(proxy.findings(replace(facts, logs=(), elsewhere=())), "blind").mend.startswith("sources:")


def test_proxies_that_are_trusted_are_no_fault() -> None:
    assert list(proxy.about_chains(replace(LOG, chained=9, last_hops=("10.0.0.2",), trusts=True))) == []


def test_an_old_log_is_blind_and_one_from_the_future_wrong() -> None:
    old = replace(LOG, last=NOON - 3 * DAY, written=NOON - 3 * DAY)
    assert "nothing was written for 3 d" in only(about_log(old), "blind").what
    ahead = replace(LOG, last=NOON + HOUR)
    assert "1 h ahead of the file's own time" in only(about_log(ahead)).what


@pytest.mark.parametrize(
    ("logs", "dropped"),
    [
        pytest.param([LOG], set(), id="kept"),
        pytest.param([replace(LOG, agents=0, referers=0)], {"user_agent", "agent", "referer"}, id="both"),
        pytest.param([replace(LOG, referers=0)], {"referer"}, id="the referer alone"),
        pytest.param([replace(LOG, json=5, agents=0)], set(), id="too few lines"),
        pytest.param([replace(LOG, agents=0), LOG], set(), id="one of two logs keeps them"),
        pytest.param([], set(), id="no log"),
    ],
)
def test_what_is_dropped(logs: list[proxy.ProxyLog], dropped: set[str]) -> None:
    assert proxy.dropped(logs) == dropped


# -- the allow-list


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("127.0.0.1/32", ""),
        ("192.168.0.0/16", ""),
        ("203.0.113.0/24", ""),
        ("2001:db8::/48", ""),
        ("fd00::/8", "too wide"),
        ("10.0.0.0/8", "too wide, 16,777,216 addresses: every VPN"),
        ("172.16.0.0/12", "too wide, 1,048,576 addresses"),
        ("8.0.0.0/9", "strangers too"),
        ("0.0.0.0/0", "everybody is let in"),
        ("::/0", "everybody is let in"),
        ("YOUR.REMOTE.IP/32", "placeholder"),
        ("203.0.113.999", "neither an address nor a network"),
        ("ada.duckdns.org", ""),
    ],
)
def test_an_entry_of_the_allow_list(entry: str, said: str) -> None:
    verdict = allowlist.verdict(entry)
    assert said in verdict
    assert bool(verdict) is bool(said)


def test_an_env_file_is_read_as_compose_does() -> None:
    text = (
        "# IP_ALLOW_LIST=1.2.3.4\nTZ=UTC\nIP_ALLOW_LIST=10.0.0.0/8\n"
        "export IP_ALLOW_LIST='127.0.0.1/32, 192.168.1.0/24' # home\nAPI_TOKEN=secret\nEMPTY_ALLOWLIST=\n"
    )
    assert allowlist.read_env(".env", text) == (
        allowlist.AllowList(".env", "IP_ALLOW_LIST", ("127.0.0.1/32", "192.168.1.0/24")),
        allowlist.AllowList(".env", "EMPTY_ALLOWLIST", ()),
    )


def test_an_empty_list_is_wrong_and_gets_a_line_to_begin_with() -> None:
    found = only(allowlist.findings((allowlist.AllowList(".env", "IP_ALLOW_LIST", ()),)))
    assert found.mend.splitlines()[-1] == "IP_ALLOW_LIST=127.0.0.1/32,192.168.1.0/24"


def test_a_list_that_the_config_does_not_name_leaves_us_blind() -> None:
    lists = (allowlist.AllowList("/home/ada/.env", "IP_ALLOW_LIST", ("127.0.0.1/32",)),)
    unnamed = Config(state=Path("/state"))
    blind = only(allowlist.about_config(lists, unnamed), "blind")
    assert blind.mend.splitlines()[1:] == ["  env: /home/ada/.env", "  name: IP_ALLOW_LIST"]
    assert list(allowlist.about_config((), unnamed)) == []
    named = replace(unnamed, allow_list=Named(env=Path("/home/ada/.env")))
    assert list(allowlist.about_config(lists, named)) == []


# -- files


@pytest.mark.parametrize(
    ("file", "why", "platform", "mend"),
    [
        (f"{MINE}/Documents/x.log", "EACCES", "darwin", "Privacy_AllFiles"),
        ("/opt/x.log", "EPERM", "darwin", "# Full Disk Access > + > /usr/bin/python3"),
        ("/opt/x.log", "EACCES", "darwin", "sudo chmod o+r /opt/x.log"),
        ("/var/log/x.log", "EACCES", "linux", "sudo setfacl -m u:mina:rX /var/log/x.log"),
    ],
)
def test_a_refused_file(file: str, why: str, platform: str, mend: str) -> None:
    path = logfiles.PathFacts(source="x", path=file, refused=((file, why),), mode=", root:wheel 0600")
    facts = logfiles.FileFacts(
        paths=(path,), platform=platform, home=MINE, user="mina", python="/usr/bin/python3"
    )
    found = only(logfiles.findings(facts))
    assert why in found.what
    assert mend in found.mend


def test_what_this_shell_may_read_an_agent_may_not() -> None:
    path = logfiles.PathFacts(source="x", path=f"{MINE}/Documents/x.log", found=1)
    facts = logfiles.FileFacts(paths=(path,), platform="darwin", home=MINE)
    assert "this shell may read it" in only(logfiles.findings(facts), "note").what
    assert not [f for f in logfiles.findings(replace(facts, platform="linux")) if f.state == "note"]


@pytest.mark.parametrize(
    ("path", "guarded"),
    [
        (f"{MINE}/Documents/a.log", True),
        (f"{MINE}/Documentsx/a.log", False),
        (f"{MINE}/docker/a.log", False),
        ("/Volumes/Backup/a.log", True),
        ("/var/log/a.log", False),
    ],
)
def test_what_macos_guards(path: str, guarded: bool) -> None:
    assert logfiles.is_guarded(path, MINE) is guarded


# -- the agent


def test_pmset_is_read() -> None:
    text = (
        "System-wide power settings:\nCurrently in use:\n standby              0\n"
        " Sleep On Power Button 1\n sleep                10 (sleep prevented by powerd)\n"
        " displaysleep         5\n"
    )
    assert agent.read_pmset(text) == {"standby": "0", "sleep": "10", "displaysleep": "5"}


@pytest.mark.parametrize(
    ("text", "disabled"),
    [
        ('\t"local.nightporter" => disabled\n', True),
        ('\t"local.nightporter" => true\n', True),
        ('\t"local.nightporter" => enabled\n', False),
        ('\t"local.nightporter" => false\n', False),
        ('\t"local.nightporter.other" => disabled\n', None),
        ("", None),
    ],
)
def test_print_disabled_is_read(text: str, disabled: bool | None) -> None:
    assert agent.read_disabled(text, "local.nightporter") is disabled


def test_an_old_failure_of_one_that_runs_is_only_noted() -> None:
    state = ServiceState(manager="launchd", installed=True, loaded=True, running=True, last_exit=1)
    facts = agent.AgentFacts(state=state, log="/l")
    assert [f.state for f in agent.findings(facts)] == ["right", "note"]
    stopped = replace(facts, state=replace(state, running=False))
    assert [f.state for f in agent.findings(stopped)] == ["wrong", "wrong"]
    on_purpose = replace(facts, state=replace(state, last_exit=0))
    assert [f.state for f in agent.findings(on_purpose)] == ["right"]


def test_no_manager_is_no_fault_of_the_set_up() -> None:
    facts = agent.AgentFacts(state=ServiceState(manager="none", installed=False, note="no systemctl"))
    assert only(agent.findings(facts), "note").mend == "nightporter run"


def test_linger_is_a_note() -> None:
    state = ServiceState(manager="systemd", installed=True, loaded=True, running=True, pid=7)
    found = list(agent.findings(agent.AgentFacts(state=state, linger=False)))
    assert only(found, "note").mend == "loginctl enable-linger"


# -- the local network


def a_knock(error: str = "", took_ms: float = 0.2) -> network.Knock:
    return network.Knock(host="192.168.1.9", port=80, error=error, took_ms=took_ms)


@pytest.mark.parametrize(
    ("platform", "knock", "what", "mend"),
    [
        ("darwin", a_knock("EHOSTUNREACH"), "macOS keeps this program", "Privacy_LocalNetwork"),
        ("darwin", a_knock("EHOSTUNREACH", 3_000.0), "does not answer", "nc -vz 192.168.1.9 80"),
        ("darwin", a_knock("ECONNREFUSED"), "does not answer", "nc -vz"),
        ("linux", a_knock("EHOSTUNREACH"), "does not answer", "nc -vz"),
    ],
)
def test_a_place_on_the_local_network(platform: str, knock: network.Knock, what: str, mend: str) -> None:
    found = only(network.findings(network.NetworkFacts(platform=platform, knocks={"gotify": knock})))
    assert what in found.what
    assert mend in found.mend


def test_the_agent_sees_what_a_shell_does_not() -> None:
    """No route in 0 ms for the agent while this shell gets through: macOS, not the machine."""
    error = {"gotify": "OSError: [Errno 65] No route to host"}
    facts = network.NetworkFacts(platform="darwin", errors=error, knocks={"gotify": a_knock()})
    assert "though it answers from here" in only(network.findings(facts)).what
    off = replace(facts, knocks={"gotify": a_knock("EHOSTUNREACH", 3_000.0)})
    assert "ping the machine" in only(network.findings(off)).mend
    other = replace(facts, errors={"gotify": "401 Unauthorized"})
    assert list(network.findings(other)) == []


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("192.168.1.9", True),
        ("fd00::9", True),
        ("nas.local", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("8.8.8.8", False),
        ("discord.com", False),
        ("localhost", False),
    ],
)
def test_what_is_local(host: str, local: bool) -> None:
    assert network.is_local(host) is local


# -- clock, disk, engine, daemon, destinations, config


def test_clocks() -> None:
    facts = clocks.ClockFacts(now=NOON, platform="linux", newest={"a log": NOON + 30 * SECOND}, ahead=3)
    assert [f.state for f in clocks.findings(facts)] == ["right"]
    off = replace(facts, newest={"a log": NOON + 2 * HOUR}, ahead=30, synchronized=False)
    assert [f.state for f in clocks.findings(off)] == ["wrong", "wrong", "wrong"]
    assert all("timedatectl set-ntp true" in f.mend for f in clocks.findings(off))


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        (replace(STORAGE, free=1 << 30), "only 1.0 GB are free"),
        (replace(STORAGE, free=1 << 20), "only 1 MB are free; when it is full, reading stops"),
        (replace(STORAGE, writable=False), "cannot be written"),
        (replace(STORAGE, verdict="row 7 missing from index"), "is damaged: row 7 missing from index"),
        (replace(STORAGE, verdict="", trouble="database is locked"), "database is locked"),
        (replace(STORAGE, private=False), "can be read by others"),
    ],
)
def test_storage(facts: storage.StorageFacts, what: str) -> None:
    found = only(storage.findings(facts))
    assert what in found.what
    assert found.mend


def test_storage_that_is_only_odd() -> None:
    assert not [f for f in storage.findings(STORAGE) if f.state != "right"]
    assert "no database yet" in only(storage.findings(replace(STORAGE, database="")), "note").what
    assert "too large to be checked" in str(list(storage.findings(replace(STORAGE, verdict=""))))
    assert "grown to 2.0 GB" in only(storage.findings(replace(STORAGE, size=2 << 30)), "note").what
    old = replace(STORAGE, last_commit=NOON - 2 * DAY, now=NOON, alive=True)
    assert "nothing was committed for 2 d" in only(storage.findings(old), "blind").what
    assert "how much room" in only(storage.findings(replace(STORAGE, free=None)), "blind").what


@pytest.mark.parametrize(
    ("platform", "trouble", "mend"),
    [
        ("darwin", "the engine does not answer", "open -a Docker"),
        ("linux", "the engine does not answer", "sudo systemctl enable --now docker"),
        ("linux", "the engine's socket refuses us (x)", "sudo usermod -aG docker $USER"),
    ],
)
def test_no_engine(platform: str, trouble: str, mend: str) -> None:
    engine = containers.EngineFacts(source="docker", url="unix:///d", why="DOCKER_HOST", trouble=trouble)
    found = only(containers.findings(containers.DockerFacts(engines=(engine,), platform=platform)))
    assert "unix:///d (DOCKER_HOST)" in found.what
    assert found.mend.startswith(mend)


def test_an_engine_whose_clock_stood_still_while_the_mac_slept() -> None:
    engine = containers.EngineFacts(source="docker", url="unix:///d", why="it is", drift=-2 * HOUR)
    found = only(containers.findings(containers.DockerFacts(engines=(engine,), platform="darwin")))
    assert "2 h behind this machine's" in found.what
    assert "restart Docker Desktop" in found.mend


def test_a_log_driver_gets_its_lines_of_compose() -> None:
    container = Container(
        id="c" * 64, name="home_db_1", image="x", labels={"com.docker.compose.service": "db"}, driver="none"
    )
    running = containers.Running(container=container, refused="its log driver 'none' cannot be read")
    (found,) = containers.about_driver(running)
    assert found.mend.startswith("services:\n  db:\n    logging:\n      driver: json-file\n")
    assert found.mend.endswith("docker compose up -d db")


def test_a_daemon_is_of_this_version_or_not() -> None:
    status = daemon.StatusFile(at=NOON, running=True, pid=7, version="1.0")
    facts = daemon.DaemonFacts(status=status, now=NOON + SECOND, installed="1.0")
    assert [f.state for f in daemon.findings(facts)] == ["right", "right"]
    old = replace(facts, status=daemon.StatusFile(at=NOON, running=True, pid=7))
    assert "the running version is an older one" in only(daemon.findings(old)).what


def test_what_a_dead_daemon_said_of_its_parts_is_old_news() -> None:
    status = daemon.StatusFile(at=NOON - HOUR, running=True, parts={"x": daemon.Part(state="waiting")})
    facts = daemon.DaemonFacts(status=status, now=NOON, installed="1.0")
    assert len(list(daemon.findings(facts))) == 1


@pytest.mark.parametrize(
    ("fare", "state", "what"),
    [
        (daemon.DestinationStatus(sent=3, last_sent=NOON - HOUR), "right", "3 sent, last 1 h ago"),
        (daemon.DestinationStatus(), "note", "nothing was sent yet"),
        (daemon.DestinationStatus(pending=30, sent=1), "note", "30 wait to be sent"),
        (
            daemon.DestinationStatus(failing_since=NOON - HOUR, pending=2, last_error="502"),
            "wrong",
            "failed for 1 h, 2 waiting: 502",
        ),
        (daemon.DestinationStatus(broken=True, last_error="404"), "wrong", "refuses us: 404"),
    ],
)
def test_how_a_destination_fares(fare: daemon.DestinationStatus, state: str, what: str) -> None:
    (found,) = destinations.about_fare("phone", fare, NOON)
    assert found.state == state
    assert what in found.what


def test_a_config_without_sources_and_one_that_reads_twice() -> None:
    bare = Config(state=Path("/s"), path=Path("/c.yaml"))
    found = list(configuration.findings(configuration.ConfigFacts(config=bare)))
    assert only(found).mend == "nightporter init"
    twice = replace(
        bare, sources=(FileSource(name="a", paths=("/x",)), FileSource(name="b", paths=("/y", "/x")))
    )
    assert "read by two sources, a and b" in only(configuration.about_doubles(twice)).what


# --- places


def test_databases_of_places() -> None:
    facts = places.PlaceFacts(
        named=True,
        used=("country by GeoLite2-Country of 2026-01-02",),
        troubles=("/geo/asn.mmdb is not there",),
        old=(("/geo/c.mmdb", "2026-01-02"),),
    )
    found = list(places.findings(facts, ("admin-new-provider",)))
    assert [finding.state for finding in found] == ["wrong", "note", "right", "blind"]
    assert "networks have changed hands" in found[1].what
    assert "admin-new-provider" in found[3].what


def test_no_databases_are_worth_a_note() -> None:
    (note,) = places.findings(places.PlaceFacts(), ("admin-new-country",))
    assert note.state == "note"
    assert "nightporter[geo]" in note.mend
    assert list(places.findings(places.PlaceFacts(), ())) == []
