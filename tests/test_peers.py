import os
from pathlib import Path

import pytest

from workstation.peers import AddressBook, Peer, check_ae_title, parse_peer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "peers.toml"


def peer(name: str = "Archive", **changes: object) -> Peer:
    values: dict[str, object] = {"name": name, "ae_title": "ARCHIVE", "host": "10.0.0.5", "port": 104}
    return Peer(**{**values, **changes})  # type: ignore[arg-type]


# -- AE titles, hosts, ports -----------------------------------------------------------------------


@pytest.mark.parametrize("title", ["A", "SIXTEEN_LETTERS!", "WITH SPACE", "a@b"])
def test_titles_that_are_legal(title: str) -> None:
    assert check_ae_title(title) == title


def test_spaces_around_a_title_are_not_significant() -> None:
    assert check_ae_title("  PACS   ") == "PACS"


@pytest.mark.parametrize(
    ("title", "sentence"),
    [
        ("", "is empty: AE titles have 1 to 16 characters"),
        ("     ", "is empty"),
        ("SEVENTEEN_LETTERS", "has 17 characters: AE titles have at most 16 characters"),
        ("BACK\\SLASH", "backslash"),
        ("TAB\tHERE", r"contains '\\t'"),
        ("ÄRZTE", "ASCII"),
    ],
)
def test_titles_that_are_not(title: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_ae_title(title)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "  "}, "name is empty"),
        ({"host": ""}, "host is empty"),
        ({"host": "http://pacs"}, "web address"),
        ({"host": "two words"}, "contains ' '"),
        ({"port": 0}, "port is 0: ports are 1 to 65535"),
        ({"port": 70000}, "port is 70000"),
        ({"port": "x"}, "not a number"),
        ({"port": True}, "not a number"),
        ({"comment": 3}, "comment is not text"),
    ],
)
def test_a_peer_that_cannot_be_is_refused(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        peer(**changes)


# -- from the command line -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "title", "host", "port"),
    [
        ("ORTHANC@localhost:4242", "ORTHANC", "localhost", 4242),
        ("A@B@10.1.2.3:104", "A@B", "10.1.2.3", 104),
        ("PACS@[::1]:11112", "PACS", "::1", 11112),
    ],
)
def test_parse_peer(text: str, title: str, host: str, port: int) -> None:
    found = parse_peer(text)
    assert (found.ae_title, found.host, found.port, found.temporary) == (title, host, port, True)
    assert found.address == text


@pytest.mark.parametrize("text", ["", "PACS", "PACS@host", "host:104", "PACS@::1:104", "PACS@h:port", "@h:1"])
def test_parse_peer_says_how_to_write_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"AET@HOST:PORT|not a number|empty"):
        parse_peer(text)


# -- the book --------------------------------------------------------------------------------------


def test_peers_are_kept_between_runs(path: Path) -> None:
    book = AddressBook(path)
    assert book.load() == ()
    first, second = peer("One", group="Berlin", comment="old"), peer("Two", host="::1")
    book.add(first)
    book.add(second)
    again = AddressBook(path)
    assert again.load() == ()
    assert again.peers == (first, second)
    assert all(type(value.port) is int and type(value.name) is str for value in again)


def test_replace_and_remove(path: Path) -> None:
    book = AddressBook(path)
    for name in ("One", "Two", "Three"):
        book.add(peer(name))
    book.replace("Two", peer("Zwei", port=11112))
    book.remove("One")
    assert [(each.name, each.port) for each in book] == [("Zwei", 11112), ("Three", 104)]
    assert AddressBook(path).load() == ()
    with pytest.raises(KeyError):
        book.remove("One")
    with pytest.raises(KeyError):
        book.replace("One", peer())


def test_two_peers_of_one_name_are_refused(path: Path) -> None:
    book = AddressBook(path)
    book.add(peer("One"))
    book.add(peer("Two"))
    with pytest.raises(ValueError, match="already a peer called 'One'"):
        book.add(peer("One"))
    with pytest.raises(ValueError, match="already"):
        book.replace("Two", peer("One"))
    assert book.free_name("One") == "One 2"


def test_what_a_person_wrote_survives(path: Path) -> None:
    path.write_text(
        "# my peers\n\n[[peer]]\nname = 'One' # the old one\nae_title = 'ONE'\nhost = 'h'\nport = 104\n"
        "colour = 'red'\n\n[[peer]]\nname = 'Two'\nae_title = 'TWO'\nhost = 'h'\nport = 105\n[other]\nx = 1\n"
    )
    book = AddressBook(path)
    assert book.load() == ()
    book.replace("One", peer("One", ae_title="EINS"))
    book.add(peer("Three"))
    book.remove("Two")
    text = path.read_text()
    for kept in ("# my peers", "# the old one", "colour = 'red'", "x = 1"):
        assert kept in text
    again = AddressBook(path)
    again.load()
    assert [(each.name, each.ae_title) for each in again] == [("One", "EINS"), ("Three", "ARCHIVE")]


def test_an_edit_made_meanwhile_is_not_lost(path: Path) -> None:
    first, second = AddressBook(path), AddressBook(path)
    first.add(peer("One"))
    second.add(peer("Two"))
    first.add(peer("Three"))
    assert [each.name for each in first] == ["One", "Two", "Three"]


def test_an_inline_list_is_understood_and_can_grow(path: Path) -> None:
    path.write_text("peer = [{name='One', ae_title='ONE', host='h', port=104, colour='red'}]\n")
    book = AddressBook(path)
    assert book.load() == ()
    book.add(peer("Two"))
    assert [each.name for each in book] == ["One", "Two"]
    assert "red" in path.read_text()


def test_an_entry_in_error_is_explained_and_stays_in_the_file(path: Path) -> None:
    path.write_text(
        "[[peer]]\nname='One'\nae_title='ONE'\nhost='h'\nport='x'\n[[peer]]\nname='Two'\nae_title='TWO'\nhost='h'\nport=1\n"
        "[[peer]]\nhost='nobody'\n[[peer]]\nname='Two'\nae_title='TWO'\nhost='h'\nport=1\n"
    )
    book = AddressBook(path)
    problems = book.load()
    assert len(problems) == 3
    assert "Peer 1" in problems[0]
    assert "not a number" in problems[0]
    assert "no 'name'" in problems[1]
    assert "already" in problems[2]
    assert [each.name for each in book] == ["Two"]
    book.replace("Two", peer("Two", ae_title="NEW"))
    assert "nobody" in path.read_text()
    assert book.find("Two") == peer("Two", ae_title="NEW")


@pytest.mark.parametrize("content", [b"[[peer]\nname=", b"\xff\xfe\x00", b"peer = 3\npeer = 4"])
def test_a_broken_file_is_kept_aside_and_explained(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    book = AddressBook(path)
    (problem,) = book.load()
    assert "broken" in problem
    assert "peers.toml.broken" in problem
    assert path.with_name("peers.toml.broken").read_bytes() == content
    book.add(peer("One"))
    assert AddressBook(path).load() == ()


def test_a_second_broken_file_does_not_overwrite_the_first(path: Path) -> None:
    for content in ("= 1", "= 2"):
        path.write_text(content)
        AddressBook(path).load()
    assert path.with_name("peers.toml.broken").read_text() == "= 1"
    assert path.with_name("peers.toml.broken-2").read_text() == "= 2"


def test_a_file_that_breaks_while_running_does_not_lose_peers(path: Path) -> None:
    book = AddressBook(path)
    book.add(peer("One"))
    path.write_text("= rubbish")
    book.add(peer("Two"))
    again = AddressBook(path)
    assert again.load() == ()
    assert [each.name for each in again] == ["One", "Two"]


def test_peers_of_this_run_are_not_written(path: Path) -> None:
    book = AddressBook(path)
    book.add(peer("Lasting"))
    book.add(parse_peer("ARCHIVE@localhost:5000"))
    book.add(peer("Other", ae_title="OTHER"))
    assert [each.name for each in book] == ["Lasting", "Other", "ARCHIVE"]
    assert "5000" not in path.read_text()
    assert book.find_by_ae_title(" ARCHIVE ") == parse_peer("ARCHIVE@localhost:5000")
    assert book.find_by_ae_title("archive") is None
    book.replace("ARCHIVE", peer("Kept"))
    assert "Kept" in path.read_text()
    book.replace("Kept", peer("Kept", temporary=True))
    assert "Kept" not in path.read_text()
    book.remove("Kept")
    assert book.find("Kept") is None


def test_a_file_that_cannot_be_written_leaves_the_old_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = AddressBook(path)
    book.add(peer("One"))
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        book.add(peer("Two"))
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["peers.toml"]
    assert [each.name for each in book] == ["One"]


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles" / "p.toml", tmp_path / "peers.toml"
    real.parent.mkdir()
    real.write_text("")
    link.symlink_to(real)
    AddressBook(link).add(peer("One"))
    assert link.is_symlink()
    assert "One" in real.read_text()


def test_an_unreadable_file_is_explained(path: Path) -> None:
    path.mkdir()
    (problem,) = AddressBook(path).load()
    assert "cannot be read" in problem
    assert path.is_dir()
