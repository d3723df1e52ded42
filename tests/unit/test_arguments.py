"""What programs take as a secret is shown of no text, a log's neither; what they take else is."""

from __future__ import annotations

import pytest

from nightporter.safetext import mask_secrets


@pytest.mark.parametrize(
    "line",
    [
        "ada : TTY=ttys000 ; USER=root ; COMMAND=/usr/local/bin/mysqldump -u root -p{s} media",
        "(root) CMD (mysqladmin -uroot -p'{s}' ping)",
        '(root) CMD (mysqladmin -uroot -p"{s}" ping)',
        "CMD (redis-cli -h db -a {s} ping)",
        "CMD (sshpass -p {s} ssh ada@nas)",
        "CMD (sshpass -p{s} ssh ada@nas)",
        "CMD (curl -fsu ada:{s} http://nas/)",
        "CMD (curl -uada:{s} http://nas/)",
        "CMD (curl --user ada:{s} http://nas/)",
        "COMMAND=/usr/bin/docker login -u ada -p {s} ghcr.io",
        "COMMAND=/usr/bin/smbclient -U ada%{s} //nas/x",
        "COMMAND=/usr/bin/mosquitto_pub -u ada -P {s} -t x",
        'exec: ["mysqladmin","ping","-u","root","-p{s}"]',
        'exec: ["redis-cli", "-a", "{s}"]',
        "cannot open mysql://ada:{s}@db/x",
    ],
)
@pytest.mark.parametrize("secret", ["MyDogRex2019", "hunter", "a@b!c"])
def test_a_secret_argument_is_masked(line: str, secret: str) -> None:
    text = mask_secrets(line.format(s=secret))
    assert secret not in text
    assert "***" in text


@pytest.mark.parametrize(
    "line",
    [
        '203.0.113.9 - - "GET /mysql/index.php?x=-1 HTTP/1.1" 404 - "curl/8.5.0" 12',
        "CMD (mysqldump -h db -u root --all-databases)",
        "COMMAND=/usr/bin/docker run -p 8080:80 -u 1000:1000 plex",
        "COMMAND=/usr/bin/ssh -p 2222 ada@nas",
        "curl -fsSL http://203.0.113.9/x.sh",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert mask_secrets(line) == line
