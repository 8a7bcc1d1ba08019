"""What dialogs and panes get: settings that are kept, peers and destinations, the server's switch; on a real server."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from dataclasses import replace

import pytest
from dialog_kit import running_services

from workstation.peers import Peer
from workstation.scp.profiles import MAIN, Profile, ProfileFolder
from workstation.settings import SettingsFile
from workstation.ui.services import PeerHealth, PeerState, Services, explain_no_listener


@pytest.fixture
def services(qt_loop, qtbot, tmp_path, free_port):
    with running_services(qtbot, tmp_path, free_port) as made:
        yield made


def do(qtbot, coroutine):
    task = asyncio.ensure_future(coroutine)
    qtbot.waitUntil(task.done, timeout=10_000)
    return task.result()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def kept(services: Services):
    return SettingsFile(services.folders.settings).load()


class TestSettings:
    def test_only_sections_that_changed_are_written(self, services):
        services._settings = replace(services.settings, caller=replace(services.settings.caller, acse_timeout=7))
        services.save_settings(replace(services.settings, appearance="dark"))
        assert services.settings.caller.acse_timeout == 7
        assert kept(services).caller.acse_timeout == 30
        assert kept(services).appearance == "dark"

    def test_a_file_that_cannot_be_written_is_said_and_the_settings_are_in_force(self, services, qtbot):
        services.folders.settings.unlink(missing_ok=True)
        services.folders.settings.mkdir()
        with qtbot.waitSignal(services.notified) as said:
            services.save_settings(replace(services.settings, appearance="dark"))
        assert "could not be kept" in said.args[0]
        assert services.settings.appearance == "dark"


class TestPeers:
    def test_the_built_in_server_is_the_first_peer(self, services):
        first = services.all_peers()[0]
        assert (first.name, first.ae_title) == ("Built-in", "WORKSTATION")
        assert (first.host, first.port) == services.server.address

    def test_a_server_on_all_addresses_is_reached_on_this_computer(self, services):
        services.server.stop()
        services._profiles[MAIN] = replace(services.profile, host="0.0.0.0")
        assert services.built_in().host == "127.0.0.1"

    def test_destinations_follow_the_book_with_peers_of_this_run_first(self, services):
        assert services.destination("WORKSTATION") == services.server.address
        assert services.destination("PACS") is None
        services.peers.add(Peer(name="a", ae_title="PACS", host="kept", port=1))
        services.peers.add(Peer(name="b", ae_title="PACS", host="also-kept", port=2))
        services.peers_changed.emit()
        assert services.destination(" PACS ") == ("kept", 1)
        services.peers.add(Peer(name="c", ae_title="PACS", host="this-run", port=3, temporary=True))
        services.peers_changed.emit()
        assert services.destination("PACS") == ("this-run", 3)

    def test_what_a_peer_answered_is_remembered_and_told(self, services, qtbot):
        assert services.peer_state("Nobody").health is PeerHealth.UNKNOWN
        with qtbot.waitSignal(services.peer_state_changed) as told:
            services.set_peer_state("Nobody", PeerState(PeerHealth.FAILS, "refused"))
        assert told.args == ["Nobody"]
        assert services.peer_state("Nobody").sentence == "refused"

    def test_free_names(self, services):
        assert services.free_peer_name("New") == "New"
        assert services.free_peer_name("Nobody") == "Nobody 2"
        assert services.free_peer_name("Built-in") == "Built-in 2"


class TestServer:
    def test_stop_and_start(self, services, qtbot, free_port, caplog):
        do(qtbot, services.stop_server())
        assert not listens(free_port)
        assert do(qtbot, services.start_server()) == ""
        assert listens(free_port)
        assert services.server_problem == ""
        assert [record.message for record in caplog.records] == [
            "The server Built-in is stopped",
            f"The server Built-in (WORKSTATION) listens on 127.0.0.1:{free_port}",
        ]

    def test_a_taken_port_is_explained(self, services, qtbot, free_port, caplog):
        do(qtbot, services.stop_server())
        with socket.create_server(("127.0.0.1", free_port)):
            problem = do(qtbot, services.start_server())
        assert f"127.0.0.1:{free_port}" in problem
        assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [problem]
        assert "another program uses this port" in problem
        assert services.server_problem == problem

    def test_a_move_to_a_taken_port_leaves_all_as_it_was(self, services, qtbot, free_port):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            other = taken.getsockname()[1]
            wanted = replace(services.profile, port=other)
            with qtbot.waitSignal(services.notified) as said:
                problem = do(qtbot, services.apply_profile(wanted))
        assert problem
        assert "goes on as it was" in said.args[0]
        assert services.profile.port == free_port
        assert listens(free_port)

    def test_another_ae_title_is_in_force_at_once_and_kept(self, services, qtbot):
        wanted = replace(services.profile, ae_title="OTHER")
        assert do(qtbot, services.apply_profile(wanted)) == ""
        assert services.server.profile.ae_title == "OTHER"
        assert services.built_in().ae_title == "OTHER"
        assert services.destination("OTHER") == services.server.address
        assert ProfileFolder(services.folders.servers).load()[0].ae_title == "OTHER"

    def test_what_the_command_line_set_is_not_kept(self, services, qtbot):
        services._profiles[MAIN] = replace(services.profile, port=4242)
        services.server.stop()
        assert do(qtbot, services.apply_profile(replace(services.profile, ae_title="OTHER"))) == ""
        kept_profile = ProfileFolder(services.folders.servers).load()[0]
        assert kept_profile.ae_title == "OTHER"
        assert kept_profile.port != 4242

    def test_a_run_without_server(self, services, qtbot):
        servers, services.servers = services.servers, None
        try:
            assert services.built_in() is None
            assert "--no-scp" in do(qtbot, services.start_server())
        finally:
            services.servers = servers


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EADDRINUSE, "another program uses this port"),
        (errno.EACCES, "administrator rights"),
        (errno.EADDRNOTAVAIL, "no such address"),
        (errno.ENETDOWN, "Network is down"),
    ],
)
def test_each_reason_has_its_remedy(number, words):
    sentence = explain_no_listener(Profile(), OSError(number, os.strerror(number)))
    assert words in sentence
    assert "Server > Settings" in sentence
