"""`doctor` on broken set-ups: real files, stand-ins for a Mac's programs, one fault each. Every fault is
named, with its mend."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.parts.access import clf
from tests.parts.house import House, damage, requests, seconds, without_headers

from nightporter.doctor.finding import Finding, State, exit_code, page, pasteable
from nightporter.statefolder import DATABASE

Break = Callable[[House], None]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of apprise's 180 plugins


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    return House(tmp_path / "house", bin_folder)


async def test_a_healthy_set_up_has_nothing_wrong(house: House) -> None:
    house.write()
    findings = await house.doctor()
    assert [f for f in findings if f.state in ("wrong", "blind")] == []
    assert exit_code(findings) == 0
    right = {f.subject for f in findings if f.state == "right"}
    assert right >= {
        "config",
        "daemon",
        "agent",
        "files",
        "traefik",
        "rules",
        "destinations",
        "clock",
        "storage",
    }


async def test_the_mac_is_asked_in_these_words(house: House) -> None:
    house.write()
    await house.doctor()
    assert house.calls("pmset") == ["-g"]
    assert house.calls("fdesetup") == ["status"]
    assert house.calls("launchctl") == ["print gui/501/local.nightporter", "print-disabled gui/501"]


# -- one builder per set-up


def unknown_key(house: House) -> None:
    house.config["destinatoins"] = []


def terminal_alone(house: House) -> None:
    house.config["destinations"] = [{"name": "terminal", "kind": "terminal"}]
    house.status["outbox"] = {}


def url_of_no_kind(house: House) -> None:
    house.config["destinations"][0]["url"] = "carrierpigeon://loft"


def no_route(house: House) -> None:
    house.config["routes"] = []


def log_in_tmp(house: House) -> None:
    house.move_log(house.emptied / "traefik.log")


def log_of_another_place(house: House) -> None:
    """Traefik was told to write elsewhere, and Nightporter was not."""
    statics = house.home / "traefik" / "traefik.yml"
    statics.parent.mkdir()
    statics.write_text(f"accessLog:\n  filePath: {house.logs}/new.log\n  format: json\n")
    (house.logs / "new.log").write_text("".join(house.lines))
    house.lines = []


def certificates_open_to_all(house: House) -> None:
    keep = house.home / "traefik" / "certificates" / "acme.json"
    keep.parent.mkdir(parents=True)
    keep.touch(mode=0o644)


def believes_anybody(house: House) -> None:
    statics = house.home / "traefik" / "traefik.yml"
    statics.parent.mkdir()
    statics.write_text("entryPoints:\n  web:\n    address: ':80'\n    forwardedHeaders: {insecure: true}\n")


def log_not_there(house: House) -> None:
    house.config["sources"][0]["paths"] = [str(house.logs / "other.log")]


def headers_dropped(house: House) -> None:
    house.lines = without_headers(house.lines)
    house.rule(
        "rules:\n  bots:\n    title: A scanner by its name\n    from: traefik\n"
        "    when: {user_agent|contains: sqlmap}\n    by: client_ip\n    count: 3 in 5m\n    severity: low\n"
        "    message: x\n"
    )


def generic_clf(house: House) -> None:
    request = '"GET /p HTTP/1.1" 200 8 "-" "curl/8"'
    stamp = "24/Nov/2026:10:00:00 +0000"
    house.lines = [f"203.0.113.{n} - - [{stamp}] {request}\n" for n in range(40)]


def common_clf(house: House) -> None:
    house.lines = [clf(f"203.0.113.{n}", f"/p{n}", 200, agent="curl/8") for n in range(40)]


def access_log_off(house: House) -> None:
    house.lines = ["2026-11-24T09:59:48Z INF Starting provider *file.Provider\n"] * 5


def behind_docker(house: House) -> None:
    house.lines = requests(ClientHost="192.168.65.1", ClientAddr="192.168.65.1:40000")


def behind_a_tunnel(house: House) -> None:
    house.lines = requests(ClientHost="127.0.0.1", ClientAddr="127.0.0.1:40000")


def proxies_not_trusted(house: House) -> None:
    house.lines = [
        *requests(ClientHost="203.0.113.9, 10.0.0.2", ClientAddr="10.0.0.2:443"),
        *requests(count=30),
    ]


def placeholder(house: House) -> None:
    (house.project / ".env").write_text(
        "TZ=UTC\nIP_ALLOW_LIST=127.0.0.1/32,192.168.1.0/24,YOUR.REMOTE.IP/32\n"
    )


def too_wide(house: House) -> None:
    (house.project / ".env").write_text('IP_ALLOW_LIST="127.0.0.1/32, 10.0.0.0/8"\n')


def folder_gone(house: House) -> None:
    house.config["sources"].append(
        {
            "name": "ombi",
            "kind": "file",
            "service": "ombi",
            "paths": [str(house.folder / "ombi/Logs/log-*.txt")],
        }
    )


def privacy_refuses_the_agent(house: House) -> None:
    house.status["sources"]["traefik"] |= {
        "state": "blind",
        "blind": [f"{house.home}/Documents/access.log: may not be read: Operation not permitted"],
    }


def engine_stopped(house: House) -> None:
    house.docker(f"unix://{house.folder}/docker.sock")


def agent_not_installed(house: House) -> None:
    house.uninstalled()


def agent_disabled(house: House) -> None:
    house.launchd_knows(loaded=False)
    (house.launchctl / "disabled").write_text('disabled services = {\n\t"local.nightporter" => disabled\n}\n')


def agent_not_loaded(house: House) -> None:
    house.launchd_knows(loaded=False)


def agent_fails(house: House) -> None:
    house.launchd_prints(
        "gui/501/local.nightporter = {\n\tstate = spawn scheduled\n\tlast exit code = 78: EX_CONFIG\n}\n"
    )


def agent_of_another_version(house: House) -> None:
    house.service.shim.write_text('#!/bin/sh\nexec /opt/old/bin/nightporter "$@"\n')


def mac_sleeps(house: House) -> None:
    house.says("pmset", "Currently in use:\n autorestart          0\n sleep                10\n")


def file_vault(house: House) -> None:
    house.says("fdesetup", "FileVault is On.\n")


def daemon_killed(house: House) -> None:
    house.status["at"] -= seconds(600)


def daemon_stopped(house: House) -> None:
    house.status |= {"at": house.status["at"] - seconds(3600), "running": False}


def clock_set_back(house: House) -> None:
    house.status["at"] += seconds(7230)


def never_ran(house: House) -> None:
    house.state.joinpath("nowhere").mkdir()
    house.config["state"] = str(house.state / "nowhere")


def upgraded_not_restarted(house: House) -> None:
    house.status["version"] = "0.0.1"


def part_failing(house: House) -> None:
    house.status["parts"]["docker"] = {"state": "waiting", "restarts": 9, "last_error": "no engine"}


def old_rules_in_force(house: House) -> None:
    house.status["rules"] = {"in_force": 20, "kept": "last good", "problems": ["mine.yaml:3:1: unknown key"]}


def disk_full(house: House) -> None:
    house.status["judge"]["trouble"] = "database or disk is full"


def lines_from_the_future(house: House) -> None:
    house.status["judge"]["ahead"] = 4_000


def bridge_address(house: House) -> None:
    house.status["judge"]["engine"] = {"address_unknown:jellyfin": 17, "late": 2}


def local_network(house: House) -> None:
    house.phone.update(
        failing_since=house.status["at"] - seconds(60), last_error="[Errno 65] No route to host"
    )


def webhook_gone(house: House) -> None:
    house.phone.update(broken=True, last_error="404 Unknown Webhook")


def messages_given_up(house: House) -> None:
    house.phone.update(parked=2, last_error="400 Bad Request")


def database_damaged(house: House) -> None:
    damage(house.state / DATABASE)


def database_of_another(house: House) -> None:
    (house.state / DATABASE).write_bytes(b"no database at all, but a text\n" * 200)


def database_open_to_all(house: House) -> None:
    (house.state / DATABASE).chmod(0o644)


def rule_broken(house: House) -> None:
    house.rule("rules:\n  mine:\n    title: x\n    from: traefik\n    wehn: {status: 404}\n    message: x\n")


def rule_for_nobody(house: House) -> None:
    house.rule(
        "rules:\n  mine:\n    title: x\n    from: service:calibre\n    when: {message|contains: failed}\n"
        "    severity: low\n    message: x\n"
    )


def rule_without_source(house: House) -> None:
    house.rule(
        "rules:\n  mine:\n    title: x\n    from: syslog\n    when: {message|contains: failed}\n"
        "    severity: low\n    message: x\n"
    )


def rule_decodes_all(house: House) -> None:
    house.rule(
        "rules:\n  mine:\n    title: x\n    from: traefik\n    when: {bytes|gt: 1GB}\n    by: client_ip\n"
        "    severity: low\n    message: x\n"
    )


def slow_regex(house: House) -> None:
    house.rule(
        "rules:\n  mine:\n    title: x\n    from: traefik\n    when: {status: 404, path|re: '^/(?!api)x'}\n"
        "    severity: low\n    message: x\n"
    )


def rule_off(house: House) -> None:
    house.rule("tune:\n  http-404-scan: {enabled: false}\n")


SETUPS: list[tuple[Break, State, str, str, str]] = [
    (unknown_key, "wrong", "config", "unknown key 'destinatoins'", "did you mean 'destinations'?"),
    (terminal_alone, "wrong", "destinations", "seen by nobody", "kind: apprise, url:"),
    (url_of_no_kind, "wrong", "destinations", "phone: ", "nightporter notify test phone"),
    (no_route, "wrong", "destinations", "phone: no route leads there", "- {to: phone, min_severity: medium}"),
    (
        log_in_tmp,
        "wrong",
        "traefik",
        "macOS empties it at every start",
        "Library/Logs/Traefik/access.log mina:staff 640 5 10240 * J",
    ),
    (
        log_of_another_place,
        "wrong",
        "traefik",
        "new.log is a log of Traefik's (",
        "kind: file, paths: [",
    ),
    (log_not_there, "wrong", "traefik", "other.log is not there", "filePath: "),
    (certificates_open_to_all, "wrong", "certificates", "can be read by others (mode 0644)", "chmod 600 '"),
    (believes_anybody, "wrong", "traefik", "'web' believes anybody's X-Forwarded-For", "trustedIPs: ["),
    (
        headers_dropped,
        "wrong",
        "rules",
        "bots: off, since Traefik drops the header User-Agent",
        "        User-Agent: keep",
    ),
    (generic_clf, "wrong", "traefik", "generic CLF: without router", "format: json"),
    (common_clf, "note", "traefik", "can forge a line there", "format: json"),
    (access_log_off, "wrong", "traefik", "holds Traefik's own messages and no request", "accessLog:"),
    (
        behind_docker,
        "wrong",
        "traefik",
        "come from 192.168.65.1: Docker hides the visitors",
        "network_mode: host",
    ),
    (
        behind_a_tunnel,
        "wrong",
        "traefik",
        "come from 127.0.0.1: a proxy or tunnel",
        'trustedIPs: ["127.0.0.1/32"]',
    ),
    (
        proxies_not_trusted,
        "wrong",
        "traefik",
        "60 of 90 requests name a list of addresses",
        'trusted_proxies: ["10.0.0.2"]',
    ),
    (
        placeholder,
        "wrong",
        "allow-list",
        "YOUR.REMOTE.IP/32: a placeholder",
        "\nIP_ALLOW_LIST=127.0.0.1/32,192.168.1.0/24",
    ),
    (
        too_wide,
        "wrong",
        "allow-list",
        "10.0.0.0/8: too wide, 16,777,216 addresses",
        "\nIP_ALLOW_LIST=127.0.0.1/32",
    ),
    (
        folder_gone,
        "wrong",
        "files",
        "ombi/Logs/log-*.txt (ombi): there is no such folder",
        "under 'paths' of the source 'ombi'",
    ),
    (privacy_refuses_the_agent, "wrong", "files", "Operation not permitted", "Privacy_AllFiles"),
    (
        engine_stopped,
        "wrong",
        "docker",
        "docker.sock (host: in the config): the engine does not answer",
        "open -a Docker",
    ),
    (agent_not_installed, "wrong", "agent", "not installed as a service", "nightporter install"),
    (
        agent_disabled,
        "wrong",
        "agent",
        "told never to start it",
        "launchctl enable gui/501/local.nightporter",
    ),
    (agent_not_loaded, "wrong", "agent", "launchd has not loaded it", "nightporter install"),
    (agent_fails, "wrong", "agent", "ended with code 78: launchd could not start the program", "tail -n 40 "),
    (
        agent_of_another_version,
        "wrong",
        "agent",
        "not what this version would install",
        "nightporter install",
    ),
    (mac_sleeps, "wrong", "agent", "sleeps after 10 minutes", "sudo pmset -c sleep 0"),
    (mac_sleeps, "note", "agent", "after a power cut this Mac stays off", "sudo pmset -a autorestart 1"),
    (file_vault, "note", "agent", "FileVault is on: after a power cut nothing runs", "fdesetup authrestart"),
    (daemon_killed, "wrong", "daemon", "not written its status for 10 min", "nightporter restart"),
    (daemon_stopped, "wrong", "daemon", "stopped 1 h ago", "nightporter restart"),
    (clock_set_back, "wrong", "clock", "is from 2 h in the future", "sudo sntp -sS time.apple.com"),
    (never_ran, "wrong", "daemon", "it has not run yet with the state folder", "nightporter install"),
    (
        upgraded_not_restarted,
        "wrong",
        "daemon",
        "the running version is 0.0.1, the installed one",
        "nightporter restart",
    ),
    (
        part_failing,
        "wrong",
        "daemon",
        "its part docker is waiting, after 9 restarts: no engine",
        "nightporter restart",
    ),
    (
        old_rules_in_force,
        "wrong",
        "daemon",
        "the last good ones: mine.yaml:3:1: unknown key",
        "nightporter check",
    ),
    (disk_full, "wrong", "daemon", "cannot write down what it finds: database or disk is full", "df -h"),
    (lines_from_the_future, "wrong", "clock", "4000 lines were stamped in the future", "tz: Europe/Berlin"),
    (
        bridge_address,
        "wrong",
        "addresses",
        "jellyfin logged the address of the proxy or of Docker's bridge 17 times",
        "Known proxies",
    ),
    (
        local_network,
        "wrong",
        "network",
        "macOS keeps the agent from the local network",
        "Privacy_LocalNetwork",
    ),
    (
        webhook_gone,
        "wrong",
        "destinations",
        "phone refuses us: 404 Unknown Webhook",
        "nightporter notify test phone",
    ),
    (messages_given_up, "wrong", "destinations", "phone: 2 messages were given up", "nightporter alerts"),
    (database_damaged, "wrong", "storage", "malformed", "nightporter.db.broken"),
    (database_of_another, "wrong", "storage", "file is not a database", "nightporter.db.broken"),
    (database_open_to_all, "wrong", "storage", "can be read by others", "chmod 600 "),
    (rule_broken, "wrong", "rules", "unknown key 'wehn'", "did you mean 'when'?"),
    (
        rule_for_nobody,
        "wrong",
        "rules",
        "mine: no container for this pack: nothing here is called 'calibre'",
        "service: calibre",
    ),
    (
        rule_without_source,
        "wrong",
        "rules",
        "mine: off, since no source gives lines of syslog",
        "add such a source",
    ),
    (rule_decodes_all, "note", "rules", "mine costs decoding every line of traefik", "give its `when`"),
    (slow_regex, "note", "rules", "mine: a regex runs on the slower engine because of", "write it without"),
    (
        rule_off,
        "note",
        "rules",
        "http-404-scan is off: switched off by a tune",
        "http-404-scan: {enabled: true}",
    ),
]


@pytest.mark.parametrize(
    ("spoil", "state", "subject", "what", "mend"), SETUPS, ids=[f"{s[0].__name__}-{s[1]}" for s in SETUPS]
)
async def test_a_broken_set_up(
    house: House, spoil: Break, state: State, subject: str, what: str, mend: str
) -> None:
    spoil(house)
    house.write()
    findings = await house.doctor()
    named = [f for f in findings if (f.subject, f.state) == (subject, state) and what in f.what]
    assert named, "\n".join(page(findings))
    assert any(mend in f.mend for f in named), named
    assert exit_code(findings) == int(any(f.state == "wrong" for f in findings))
    assert all(f.mend for f in findings if f.state == "wrong")
    assert not_pasteable(findings) == []


def not_pasteable(findings: list[Finding]) -> list[str]:
    """Lines of mends that a person would not see as they are."""
    return [line for f in findings for line in f.mend.splitlines() if pasteable(line) != line]


async def test_a_person_is_told_of_the_cost_of_no_rules_but_their_own(house: House) -> None:
    rule_decodes_all(house)
    house.config["sources"].append({"name": "disks", "kind": "disk", "paths": ["/"]})
    house.write()
    costly = [f.what for f in await house.doctor() if "costs decoding" in f.what]
    assert costly == ["mine costs decoding every line of traefik"]
