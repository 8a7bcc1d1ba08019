import pytest
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from workstation.scu.failure import Layer
from workstation.scu.outcome import Service, explain_status, status_words, warning_words


def status(code: int, **elements: object) -> Dataset:
    ds = Dataset()
    ds.Status = code
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


ANSWERED_OFTEN = [Service.FIND, Service.MOVE, Service.GET]


@pytest.mark.parametrize(
    ("service", "code"),
    [(service, code) for service in Service for code in (0x0000, 0xB000)]
    + [(service, code) for service in ANSWERED_OFTEN for code in (0xFF00, 0xFF01, 0xFE00)],
)
def test_what_is_no_failure(service: Service, code: int) -> None:
    assert explain_status(service, status(code)) is None


@pytest.mark.parametrize("service", [Service.ECHO, Service.STORE])
@pytest.mark.parametrize("code", [0xFF00, 0xFF01, 0xFE00])
def test_pending_and_cancel_do_not_say_that_it_was_done(service: Service, code: int) -> None:
    failure = explain_status(service, status(code))
    assert failure is not None
    assert f"0x{code:04X}" in failure.sentence


@pytest.mark.parametrize(
    ("service", "code", "words"),
    [
        (Service.STORE, 0xA700, "no room"),
        (Service.STORE, 0xA7FF, "no room"),
        (Service.STORE, 0xA900, "validate"),
        (Service.STORE, 0xC123, "could not read"),
        (Service.STORE, 0x0111, "already"),
        (Service.FIND, 0xA900, "unique keys"),
        (Service.FIND, 0xA700, "ask for less"),
        (Service.MOVE, 0xA801, "Add the destination's AE title"),
        (Service.MOVE, 0xA702, "could not send to the destination"),
        (Service.GET, 0xA702, "on this association"),
        (Service.GET, 0xC000, "nothing matches"),
        (Service.FIND, 0xC001, "fault of its own"),
        (Service.ECHO, 0x0122, "SOP class"),
        (Service.ECHO, 0x0124, "administrator"),
        (Service.ECHO, 0x0211, "could not take the request"),
        (Service.ECHO, 0x0110, "Look in the peer's log"),
        (Service.ECHO, 0x1234, "undefined status"),
    ],
)
def test_each_failure_has_its_remedy(service: Service, code: int, words: str) -> None:
    failure = explain_status(service, status(code))
    assert failure is not None
    assert failure.layer is Layer.STATUS
    assert failure.what.startswith(f"0x{code:04X} ")
    assert service.value in failure.evidence
    assert words in failure.sentence


def test_what_the_peer_adds_is_shown_and_tamed() -> None:
    failure = explain_status(
        Service.FIND,
        status(0xA900, ErrorComment="bad\x1bkey", OffendingElement=[Tag(0x00100010), Tag(0x00100020)]),
    )
    assert failure is not None
    assert '"bad·key"' in failure.evidence
    assert "(0010,0010), (0010,0020)" in failure.evidence
    single = explain_status(Service.FIND, status(0xA900, OffendingElement=Tag(0x00100010)))
    assert single is not None
    assert "offending element (0010,0010)" in single.evidence


def test_warnings_have_words() -> None:
    assert warning_words(Service.STORE, status(0xB000)) == "0xB000 (Warning): Coercion of data elements"
    assert warning_words(Service.STORE, status(0x0000)) == ""
    assert status_words(Service.MOVE, 0xA801).startswith("0xA801 (Failure)")
