"""Free ports."""

from __future__ import annotations

import socket

from otel_clinical.simulate._ports import _highest, free_ports


def test_ports_are_different_and_can_be_listened_on():
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_a_port_that_is_listened_on_is_never_returned():
    with socket.create_server(("127.0.0.1", free_ports(1)[0])) as server:
        taken = server.getsockname()[1]
        assert all(taken not in free_ports(50) for _ in range(5))


def test_ports_lie_below_those_of_outgoing_connections():
    assert all(port < _highest() for port in free_ports(20))
