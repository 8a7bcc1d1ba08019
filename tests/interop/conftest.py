"""Peers that live longer than one test: ours and pynetdicom in both roles, and the traffic of others, recorded.

pynetdicom's processes live as long as the tests, for their start takes longer than most tests; what runs in this
process ends with each module.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conversations import GROUPS
from dimse_c_pair import Pair
from dimse_n_talk import Talk
from pynetdicom_process import ROLES, Peer, ours, pynetdicom
from recorded import Recording, record


@pytest.fixture(scope="session", params=GROUPS)
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """What real peers said to each other, none of them ours."""
    return record(request.param, tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="session")
def pynetdicom_c() -> Iterator[Peer]:
    with pynetdicom("dimse_c_program") as peer:
        yield peer


@pytest.fixture(scope="module")
def our_c() -> Iterator[Peer]:
    with ours("dimse_c_program") as peer:
        yield peer


@pytest.fixture(params=ROLES)
def pair(request: pytest.FixtureRequest, our_c: Peer, pynetdicom_c: Peer) -> Pair:
    """A user and a provider of DIMSE-C, which have heard nothing yet."""
    is_ours_asking = request.param == ROLES[0]
    user, provider = (our_c, pynetdicom_c) if is_ours_asking else (pynetdicom_c, our_c)
    return Pair.of(user, provider, is_ours_asking=is_ours_asking).afresh()


@pytest.fixture(scope="session")
def pynetdicom_n() -> Iterator[Peer]:
    with pynetdicom("dimse_n_program") as peer:
        yield peer


@pytest.fixture(scope="module")
def our_n() -> Iterator[Peer]:
    with ours("dimse_n_program") as peer:
        yield peer


@pytest.fixture(params=ROLES)
def talk(request: pytest.FixtureRequest, our_n: Peer, pynetdicom_n: Peer) -> Iterator[Talk]:
    """A user and a provider of DIMSE-N, which have heard nothing yet."""
    is_ours_asking = request.param == ROLES[0]
    user, provider = (our_n, pynetdicom_n) if is_ours_asking else (pynetdicom_n, our_n)
    talk = Talk(user, provider, is_ours_asking=is_ours_asking)
    yield talk
    talk.forget()
