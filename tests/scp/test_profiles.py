"""Profiles: read, kept, shared, broken and mended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules_kit import answering, delaying, faulty

from workstation.net import uids
from workstation.net.presentation import build_context
from workstation.scp.answers.contexts import chosen_contexts, is_named, syntaxes_named
from workstation.scp.profiles import (
    MAIN,
    Profile,
    ProfileFile,
    ProfileFolder,
    Supported,
    Tls,
    file_name_of,
    free_name,
    read_profile,
    shipped_profiles,
)

CT = uids.STORAGE["CTImageStorage"]
FULL = Profile(
    name="PACS of floor 2",
    description="What the CT sees",
    enabled=False,
    ae_title="PACS2",
    host="0.0.0.0",
    port=4242,
    acse_timeout=5,
    dimse_timeout=6.5,
    network_timeout=7,
    maximum_pdu_size=0,
    maximum_associations=2,
    require_called=True,
    require_calling=("A", "B C"),
    tls=Tls(certificate="server.pem", key="key.pem", authorities="ca.pem", require_client=True, minimum="1.3"),
    supported=(
        Supported(sop_classes=("CT*",), transfer_syntaxes=("1.2.840.10008.1.2", "JPEG*")),
        Supported(sop_classes=("*",)),
    ),
    rules=(
        answering("EVT_C_STORE", 0xA700),
        delaying("EVT_C_FIND", 1.5),
        faulty("EVT_C_ECHO", "abort", source=2, reason=6, point="after"),
    ),
)


def test_everything_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "pacs.toml"
    ProfileFile(path).save(FULL)
    file = ProfileFile(path)
    assert file.load() == FULL
    assert file.problems == ()
    assert "0xA700" in path.read_text()


def test_only_what_changed_is_written_and_comments_stay(tmp_path: Path) -> None:
    path = tmp_path / "pacs.toml"
    path.write_text(
        "# mine\nname = 'PACS'\nport = 104 # ask Anna first\nplugin = 1\n\n"
        "# the tenth is refused\n[[rule]]\nname = 'r'\n[rule.when]\nevents = ['C-STORE'] # only these\nevery = 10\n"
        "[rule.do]\nanswer = 'status'\nstatus = 0xA700\n"
    )
    file = ProfileFile(path)
    profile = file.load()
    assert file.problems == ()
    assert (profile.port, profile.rules[0].match.every) == (104, 10)
    rule = profile.rules[0]
    file.save(replace(profile, port=105, rules=(replace(rule, match=replace(rule.match, every=3)),)))
    text = path.read_text()
    for kept in ("# mine", "port = 105 # ask Anna first", "plugin = 1", "# the tenth is refused", "# only these"):
        assert kept in text
    assert "every = 3" in text
    assert "dimse_timeout" not in text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("port = 99999", "server's port is 99999"),
        ("ae_title = 'A_TITLE_FAR_TOO_LONG'", "AE titles have at most 16 characters"),
        ("host = ''", "address is empty"),
        ("acse_timeout = 0", "ACSE timeout is 0"),
        ("maximum_pdu_size = 12", "maximum PDU length"),
        ("maximum_associations = 0", "number of associations"),
        ("require_calling = 'A'", "not a list"),
        ("name = ''", "name"),
        ("tls = 3", "'tls' is not a section"),
        ("[tls]\nrequire_client = true", "no authorities"),
        ("[tls]\nminimum = '1.1'", "give one of 1.2, 1.3"),
        ("supported = 7", "list of tables"),
        ("[[supported]]\nsop_classes = 'CT'", "list of texts"),
    ],
)
def test_one_bad_value_costs_only_itself(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text("description = 'kept'\n" + text)
    file = ProfileFile(path)
    profile = file.load()
    (problem,) = file.problems
    assert sentence in problem
    assert str(path) in problem
    assert profile.description == "kept"


def test_broken_rules_leave_those_from_before_in_force(tmp_path: Path) -> None:
    path = tmp_path / "pacs.toml"
    file = ProfileFile(path)
    file.save(FULL)
    path.write_text(path.read_text().replace("0xA700", '"nonsense"').replace("port = 4242", "port = 4243"))
    changed = file.load(FULL)
    assert changed.rules == FULL.rules
    assert changed.port == 4243
    assert file.rules_are_broken
    assert any("nonsense" in problem for problem in file.problems)


def test_broken_rules_are_written_over_only_by_other_rules(tmp_path: Path) -> None:
    path = tmp_path / "pacs.toml"
    file = ProfileFile(path)
    file.save(FULL)
    broken = path.read_text().replace("0xA700", '"nonsense"')
    for is_read in (False, True):
        path.write_text(broken)
        before = file.load(FULL) if is_read else FULL
        file.save(replace(before, port=4243))
        assert path.read_text() == broken.replace("port = 4242", "port = 4243")
    file.save(replace(FULL, rules=FULL.rules[:1]))
    assert ProfileFile(path).load().rules == FULL.rules[:1]


@pytest.mark.parametrize("content", [b"[rule\nport=1", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_broken_file_changes_nothing_and_stays_where_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pacs.toml"
    path.write_bytes(content)
    file = ProfileFile(path)
    assert file.load(FULL) == FULL
    assert not ProfileFile(path).load().enabled
    assert "broken" in file.problems[0]
    assert path.read_bytes() == content
    with pytest.raises(ValueError, match="broken"):
        read_profile(path)
    file.save(FULL)
    assert ProfileFile(path).load() == FULL
    assert path.with_name("pacs.toml.broken").read_bytes() == content


@given(st.text(max_size=300))
def test_any_text_is_a_profile_or_explained(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        profile, problems = read_profile(path)
    except ValueError as error:
        profile, problems = Profile(), (str(error),)
    assert isinstance(profile, Profile)
    assert all(str(path) in problem for problem in problems)


class TestFolder:
    def test_the_built_in_server_is_there_without_a_file(self, tmp_path: Path) -> None:
        folder = ProfileFolder(tmp_path / "servers")
        assert folder.load() == (Profile(),)
        folder.save(replace(Profile(), port=4242))
        assert ProfileFolder(tmp_path / "servers").load() == (replace(Profile(), port=4242),)

    def test_several(self, tmp_path: Path) -> None:
        folder = ProfileFolder(tmp_path)
        folder.load()
        folder.save(FULL)
        folder.save(replace(FULL, name="PACS of floor 2!"))
        again = ProfileFolder(tmp_path)
        assert {profile.name for profile in again.load()} == {MAIN, "PACS of floor 2", "PACS of floor 2!"}
        again.remove("PACS of floor 2")
        assert {profile.name for profile in ProfileFolder(tmp_path).load()} == {MAIN, "PACS of floor 2!"}

    def test_a_second_one_of_the_same_name_is_told_and_left_out(self, tmp_path: Path) -> None:
        (tmp_path / "a.toml").write_text("name = 'X'\nport = 1\n")
        (tmp_path / "b.toml").write_text("name = 'X'\nport = 2\n")
        folder = ProfileFolder(tmp_path)
        assert [profile.port for profile in folder.load() if profile.name == "X"] == [1]
        assert "second server" in folder.problems[0]

    def test_names_never_leave_the_folder(self, tmp_path: Path) -> None:
        for name in ("../../etc/passwd", "a/b", "..", "C:\\x", "ä ö", "nul", "x" * 80):
            assert "/" not in file_name_of(name)
            assert "\\" not in file_name_of(name)
            assert not file_name_of(name).startswith(".")

    def test_free_name(self) -> None:
        assert free_name("A", ["B"]) == "A"
        assert free_name("A", ["A", "A 2"]) == "A 3"


def test_the_ready_made_profiles_are_whole() -> None:
    profiles = {}
    for path in shipped_profiles():
        profile, problems = read_profile(path)
        assert problems == ()
        assert profile.description
        profiles[profile.name] = profile
    assert set(profiles) == {
        "Well-behaved PACS",
        "Worklist and MPPS",
        "Rejects everything",
        "Slow and flaky",
        "Compressed only",
        "Old modality",
    }
    assert len({profile.port for profile in profiles.values()}) == len(profiles), "they can run side by side"
    assert len({profile.ae_title for profile in profiles.values()}) == len(profiles)


class TestContexts:
    BUILT_IN = (
        build_context("1.2.840.10008.1.1", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]),
        build_context(CT, ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.4.90"]),
    )

    def chosen(self, *lines: Supported) -> dict[str, list[str]]:
        contexts = chosen_contexts(self.BUILT_IN, lines)
        return {str(c.abstract_syntax): [str(uid) for uid in c.transfer_syntax] for c in contexts}

    def test_without_a_line_everything(self) -> None:
        assert list(self.chosen()) == ["1.2.840.10008.1.1", CT]

    def test_only_what_a_line_names(self) -> None:
        assert list(self.chosen(Supported(sop_classes=("Verification*",)))) == ["1.2.840.10008.1.1"]
        assert list(self.chosen(Supported(sop_classes=("ctimagestorage",)))) == [CT]

    def test_the_first_line_says_the_syntaxes_in_its_order(self) -> None:
        lines = (
            Supported(sop_classes=("CT*",), transfer_syntaxes=("JPEG 2000*", "1.2.840.10008.1.2")),
            Supported(sop_classes=("*",), transfer_syntaxes=("1.2.840.10008.1.2",)),
        )
        chosen = self.chosen(*lines)
        assert chosen[CT][-1] == "1.2.840.10008.1.2"
        assert "1.2.840.10008.1.2.4.90" in chosen[CT][:-1]
        assert chosen["1.2.840.10008.1.1"] == ["1.2.840.10008.1.2"]

    def test_a_class_that_nobody_knows_can_be_pretended(self) -> None:
        assert "1.2.3.4" in self.chosen(Supported(sop_classes=("1.2.3.4", "*")))

    def test_names(self) -> None:
        assert is_named(CT, ("CT Image Storage",))
        assert not is_named(CT, ("MR*",))
        assert syntaxes_named("ExplicitVRLittleEndian") == ["1.2.840.10008.1.2.1"]
        assert syntaxes_named("nonsense") == []
