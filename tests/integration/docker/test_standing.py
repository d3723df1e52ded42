"""What runs, what is open, what is steady and what is gone, as a real engine shows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_address, ip_network

import pytest
from docker.models.networks import Network
from tests.integration.docker.conftest import Gathered, following
from tests.parts.docker import DockerEngine
from tests.parts.ports import free_port

from nightporter.model import SECOND
from nightporter.sources.docker import standing

pytestmark = pytest.mark.real

CHECK = {"test": ["CMD", "test", "-f", "/tmp/well"], "interval": 200_000_000, "retries": 1}


@pytest.fixture
async def network(engine: DockerEngine) -> AsyncIterator[Network]:
    """A network with addresses and published ports, which the engine itself has none of here."""
    made = await asyncio.to_thread(engine.client.networks.create, "home", driver="bridge")
    yield made
    await asyncio.to_thread(engine.remove_all)
    await asyncio.to_thread(made.remove)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steady after a second."""
    monkeypatch.setattr(standing, "STEADY_AFTER", SECOND)


def found(got: Gathered, container: str, action: str) -> list[dict[str, object]]:
    return [r for r in got.events(container) if r["action"] == action]


async def test_where_a_container_is_reached(engine: DockerEngine, network: Network) -> None:
    open_port, closed_port = free_port(), free_port()
    ports = {"3306/tcp": open_port, "80/tcp": ("127.0.0.1", closed_port)}
    labels = {"com.docker.compose.service": "db", "com.docker.compose.project": "media"}
    async with following(engine) as got:
        await asyncio.to_thread(
            engine.run, "sleep 60", name="mysql", labels=labels, network_mode="home", ports=ports
        )
        await got.until("it is told", lambda: "exposed" in got.standing("mysql"))
        marks = dict(got.marks)
        [running] = found(got, "mysql", "running")
        [exposed] = found(got, "mysql", "exposed")
    assert (running["service"], running["aliases"]) == ("db", "db-media,db,mysql")
    await asyncio.to_thread(network.reload)
    [subnet] = network.attrs["IPAM"]["Config"]
    assert ip_address(str(running["address"])) in ip_network(subnet["Subnet"])
    assert running["ports"] == ",".join(map(str, sorted([open_port, closed_port])))
    assert (exposed["port"], exposed["protocol"]) == (open_port, "tcp")
    async with following(engine, marks) as got:
        await got.until("what runs is told anew", lambda: got.standing("mysql") != [])
        assert got.standing("mysql") == ["running"]


async def test_a_container_is_steady_once_a_start(engine: DockerEngine, quick: None) -> None:
    async with following(engine) as got:
        container = await asyncio.to_thread(engine.run, "sleep 600", name="web")
        await got.until("it is steady", lambda: got.standing("web") == ["running", "steady"])
        await asyncio.to_thread(container.restart, timeout=0)
        await got.until("it is so again", lambda: got.standing("web") == ["running", "steady"] * 2)
        marks = dict(got.marks)
    async with following(engine, marks) as got:
        await asyncio.to_thread(engine.run, "sleep 600", name="other")
        await got.until("another is steady", lambda: got.standing("other") == ["running", "steady"])
        assert got.standing("web") == ["running"]


async def test_one_that_restarts_for_ever_is_not(
    engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run is far shorter than what makes it steady, all of them together are longer."""
    monkeypatch.setattr(standing, "STEADY_AFTER", 4 * SECOND)
    async with following(engine) as got:
        policy = {"Name": "always"}
        await asyncio.to_thread(engine.run, "exit 1", name="loop", restart_policy=policy)
        await got.until("seven ends", lambda: got.actions("loop").count("die") == 7)
        assert "steady" not in got.standing("loop")


async def test_nor_one_that_is_not_well(engine: DockerEngine, quick: None) -> None:
    async with following(engine) as got:
        script = "sleep 2; touch /tmp/well; sleep 600"
        await asyncio.to_thread(engine.run, script, name="slow", healthcheck=CHECK)
        await got.until("it is steady", lambda: "steady" in got.standing("slow"))
        told = [(r["action"], r.get("health")) for r in got.events("slow")]
        assert told.index(("health_status", "healthy")) < told.index(("steady", None))


async def test_one_that_was_removed_when_nobody_looked_is_gone(engine: DockerEngine) -> None:
    async with following(engine) as got:
        container = await asyncio.to_thread(engine.run, "sleep 600", name="gone")
        await got.until("it runs", lambda: got.standing("gone") == ["running"])
        marks = dict(got.marks)
    await asyncio.to_thread(container.remove, force=True)
    churn = await asyncio.to_thread(engine.create, "true", name="churn")
    for i in range(270):  # the engine remembers 256 events
        await asyncio.to_thread(churn.rename, f"churn-{i}")
    async with following(engine, marks) as got:
        await got.until("it is told", lambda: got.actions("gone") != [])
        [gone] = got.events("gone")
        assert (gone["action"], gone["seen_late"]) == ("destroy", True)
