"""What the validators say, and that the options are read when they matter."""

from __future__ import annotations

import pytest

from workstation.net import _config, utils


@pytest.mark.parametrize("title", ["A", "A" * 16, "STORE SCP", "a-b_c.1"])
def test_ae_titles_that_are_allowed(title: str) -> None:
    assert _config.validate_ae(title) == (True, "")


@pytest.mark.parametrize("title", ["A" * 17, "A\\B", "A\nB", "\x7f", "Ä", "   ", "\x00"])
def test_ae_titles_that_are_not_allowed_say_why(title: str) -> None:
    is_valid, reason = _config.validate_ae(title)
    assert not is_valid
    assert reason


def test_any_uid_of_64_characters_passes_unless_conformance_is_enforced(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _config.validate_ui("abc.01")[0]
    assert _config.validate_ui("1" * 64)[0]
    assert not _config.validate_ui("1" * 65)[0]
    monkeypatch.setattr(_config, "ENFORCE_UID_CONFORMANCE", True)
    assert _config.validate_ui("1.2.3")[0]
    assert not _config.validate_ui("abc.01")[0]
    assert not _config.validate_ui("1.02")[0]


def test_a_program_may_bring_its_own_validator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_config.VALIDATORS, "AE", lambda value: (value == "ONE", "must be ONE"))
    assert utils.set_ae("ONE", "ae_title") == "ONE"
    with pytest.raises(ValueError, match="must be ONE"):
        utils.set_ae("TWO", "ae_title")


def test_documented_options_have_their_documented_values() -> None:
    assert (
        _config.LOG_HANDLER_LEVEL,
        _config.LOG_REQUEST_IDENTIFIERS,
        _config.LOG_RESPONSE_IDENTIFIERS,
        _config.ENFORCE_UID_CONFORMANCE,
        _config.USE_SHORT_DIMSE_AET,
        _config.STORE_SEND_CHUNKED_DATASET,
        _config.STORE_RECV_CHUNKED_DATASET,
        _config.UNRESTRICTED_STORAGE_SERVICE,
        _config.PASS_CONTEXTVARS,
        _config.CODECS,
        _config.WINDOWS_TIMER_RESOLUTION,
    ) == ("standard", True, True, False, True, False, False, False, False, ("ascii",), 1)
