"""The constants that peers see, and the two lists of transfer syntaxes."""

from __future__ import annotations

from pydicom.uid import UID, ExplicitVRBigEndian, generate_uid

from workstation.net import _globals, uids


def test_default_transfer_syntaxes_are_the_four_in_their_order() -> None:
    assert [UID(uid).keyword for uid in _globals.DEFAULT_TRANSFER_SYNTAXES] == [
        "ImplicitVRLittleEndian",
        "ExplicitVRLittleEndian",
        "DeflatedExplicitVRLittleEndian",
        "ExplicitVRBigEndian",
    ]


def test_all_transfer_syntaxes_are_known_and_current() -> None:
    assert len(_globals.ALL_TRANSFER_SYNTAXES) == len(set(_globals.ALL_TRANSFER_SYNTAXES)) == 45
    for uid in _globals.ALL_TRANSFER_SYNTAXES:
        assert uids.uid_name(uid)
        if uid not in uids.MISSING_IN_PYDICOM:
            assert UID(uid).is_transfer_syntax
            assert not UID(uid).is_retired or uid == ExplicitVRBigEndian


def test_implementation_identity_is_valid() -> None:
    assert _globals.PYNETDICOM_IMPLEMENTATION_UID.is_valid
    assert 1 <= len(_globals.PYNETDICOM_IMPLEMENTATION_VERSION) <= 16
    assert _globals.PYNETDICOM_IMPLEMENTATION_VERSION.isascii()


def test_uids_can_be_made_under_the_prefix() -> None:
    uid = generate_uid(prefix=_globals.PYNETDICOM_UID_PREFIX)
    assert uid.is_valid
    assert uid.startswith(_globals.PYNETDICOM_IMPLEMENTATION_UID + ".")
