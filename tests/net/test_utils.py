"""AE titles, UIDs, and text from the wire."""

from __future__ import annotations

import contextvars
import threading
import warnings
from io import BytesIO

import pytest
from pydicom.uid import UID

from workstation.net import _config, utils
from workstation.net.sop_class import CTImageStorage


def test_ae_title_loses_its_non_significant_spaces() -> None:
    assert utils.set_ae("  STORE SCP  ", "ae_title") == "STORE SCP"


def test_ae_title_of_bytes_is_taken_with_a_deprecation_warning() -> None:
    with pytest.warns(DeprecationWarning, match="ae_title"):
        assert utils.set_ae(b"STORE", "ae_title") == "STORE"


def test_the_warning_points_at_who_used_bytes() -> None:
    for check in (utils.validate_ae_title, lambda value: utils.set_ae(value, "ae_title")):
        with pytest.warns(DeprecationWarning, match="ae_title") as caught:
            check(b"STORE")
        assert caught[0].filename == __file__


@pytest.mark.parametrize("value", [1, 1.5, ["A"], object()])
def test_ae_title_of_another_type(value: object) -> None:
    with pytest.raises(TypeError, match="move_aet"):
        utils.set_ae(value, "move_aet")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["   ", "A" * 17, "A\\B", "\tA", "É"])
def test_ae_title_that_is_not_valid(value: str) -> None:
    with pytest.raises(ValueError, match="ae_title"):
        utils.set_ae(value, "ae_title")


def test_empty_and_none_are_allowed_where_they_are() -> None:
    assert utils.set_ae("", "x") == ""
    assert utils.set_ae(None, "x") is None
    with pytest.raises(ValueError, match="empty"):
        utils.set_ae("", "x", allow_empty=False)
    with pytest.raises(TypeError, match="NoneType"):
        utils.set_ae(None, "x", allow_none=False)
    with pytest.raises(ValueError, match="empty"):
        utils.validate_ae_title("")


def test_non_ascii_bytes_are_refused() -> None:
    with pytest.warns(DeprecationWarning, match="bytes"), pytest.raises(ValueError, match="decode"):
        utils.set_ae(b"\xc4", "ae_title")


def test_decode_bytes_tries_the_codecs_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert utils.decode_bytes(b"abc") == "abc"
    monkeypatch.setattr(_config, "CODECS", ("ascii", "utf-8", "latin-1"))
    assert utils.decode_bytes("é".encode()) == "é"
    assert utils.decode_bytes(b"\xe9") == "é"


def test_set_uid_takes_str_bytes_and_uid() -> None:
    for value in ("1.2.3", b"1.2.3", UID("1.2.3")):
        uid = utils.set_uid(value, "uid")
        assert uid == "1.2.3"
        assert isinstance(uid, UID)
    assert utils.set_uid(CTImageStorage, "uid") is CTImageStorage


@pytest.mark.parametrize("value", [1, 2.5, ["1.2"]])
def test_set_uid_of_another_type(value: object) -> None:
    with pytest.raises(TypeError, match="uid"):
        utils.set_uid(value, "uid")  # type: ignore[arg-type]


def test_set_uid_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert utils.set_uid("", "uid") == ""
    assert utils.set_uid(None, "uid") is None
    assert utils.set_uid("1" * 65, "uid", validate=False) == "1" * 65
    with pytest.raises(ValueError, match="64"):
        utils.set_uid("1" * 65, "uid")
    with pytest.raises(ValueError, match="empty"):
        utils.set_uid("", "uid", allow_empty=False)
    with pytest.raises(TypeError, match="NoneType"):
        utils.set_uid(None, "uid", allow_none=False)
    assert utils.validate_uid("abc")
    assert not utils.validate_uid("")
    monkeypatch.setattr(_config, "ENFORCE_UID_CONFORMANCE", True)
    assert not utils.validate_uid("abc")


def test_a_uid_that_was_allowed_is_not_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert utils.set_uid("not.a.uid", "uid") == "not.a.uid"
        assert utils.received_uid("1" * 80) == "1" * 80


def test_private_uids_of_peers_are_objects_of_their_own() -> None:
    one, other = utils.received_uid("1.2.3.4"), utils.received_uid("1.2.3.4")
    one.set_private_encoding(implicit_vr=False, little_endian=True)
    assert one.is_transfer_syntax
    assert not other.is_transfer_syntax
    assert utils.received_uid(str(CTImageStorage)) == UID(str(CTImageStorage))


def test_printable_leaves_no_control_character_and_no_flood() -> None:
    shown = utils.printable("evil\x1b[31m\r\nname\u202e\x00")
    assert shown == r"evil\x1b[31m\r\nname\u202e\x00"
    assert utils.printable("Müller^Jürgen 日本") == "Müller^Jürgen 日本"
    long = utils.printable("x" * 1000)
    assert len(long) < 300
    assert "1000" in long
    assert utils.printable(b"\xff\x00A") == r"ÿ\x00A"
    assert utils.printable("\ud800") == r"\ud800"


def test_pretty_bytes() -> None:
    assert utils.pretty_bytes(b"\x00\x01\xff") == ["  00  01  ff"]
    lines = utils.pretty_bytes(BytesIO(bytes(40)), prefix="", delimiter=" ", items_per_line=16, suffix="|")
    assert [len(line) for line in lines] == [48, 48, 24]
    assert utils.pretty_bytes(bytes(600))[0] == "  Only dumping 512 of 600 bytes."
    assert len(utils.pretty_bytes(bytes(600), max_size=None)) == 38


def test_make_target_passes_context_variables_on_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    variable.set("set")
    seen: list[str] = []

    def run() -> None:
        thread = threading.Thread(target=utils.make_target(lambda: seen.append(variable.get())))
        thread.start()
        thread.join()

    run()
    monkeypatch.setattr(_config, "PASS_CONTEXTVARS", True)
    run()
    assert seen == ["unset", "set"]
