"""Films drawn: where images go, what becomes of their values, and the files that come of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from workstation.scp import film_letters
from workstation.scp.film import (
    MOST_IMAGES,
    Film,
    Fit,
    LayoutError,
    Pixels,
    PlacedImage,
    TooLargeError,
    fit,
    grey_of,
    places,
    read_layout,
    render,
    size_of,
    write_films,
)


def flat(value: int, rows: int = 20, columns: int = 20, **more: object) -> Pixels:
    return Pixels(data=bytes([value]) * (rows * columns), rows=rows, columns=columns, **more)  # type: ignore[arg-type]


def middle(drawn: np.ndarray, film: Film, position: int) -> np.ndarray:
    place = places(film)[position - 1]
    value: np.ndarray = drawn[place.top + place.height // 2, place.left + place.width // 2]
    return value


@pytest.mark.parametrize(
    ("layout", "is_columns", "counts"),
    [
        ("STANDARD\\2,3", False, (2, 2, 2)),
        ("STANDARD\\1,1", False, (1,)),
        ("ROW\\1,3,2", False, (1, 3, 2)),
        ("COL\\2,1", True, (2, 1)),
    ],
)
def test_a_layout_says_how_many_images(layout: str, is_columns: bool, counts: tuple[int, ...]) -> None:
    assert read_layout(layout) == (is_columns, counts)


@pytest.mark.parametrize(
    "layout",
    [
        "",
        "SLIDE",
        "CUSTOM\\1",
        "STANDARD\\2",
        "STANDARD\\0,1",
        "STANDARD\\1,0",
        "STANDARD\\-1,2",
        "STANDARD\\9999,9999",
        f"ROW\\{MOST_IMAGES + 1}",
        "COL\\1,x",
        "ROW\\",
        "STANDARD\\1,2,3",
    ],
)
def test_a_layout_that_cannot_be_printed_is_refused_in_words(layout: str) -> None:
    with pytest.raises(LayoutError, match=r"\.$"):
        read_layout(layout)


def test_places_follow_the_layout_row_by_row() -> None:
    film = Film(layout="STANDARD\\2,3")
    found = places(film)
    assert [(place.left < found[1].left, place.top) for place in found[:2]] == [(True, found[0].top), (False, 15)]
    assert found[2].top == found[3].top > found[0].top + found[0].height
    width, height = size_of(film)
    assert all(p.left >= 0 and p.left + p.width <= width and p.top + p.height <= height for p in found)


def test_places_of_columns_go_down_before_they_go_right() -> None:
    first, second, third = places(Film(layout="COL\\2,1"))
    assert first.left == second.left < third.left
    assert second.top > first.top == third.top
    assert third.height > 2 * first.height


def test_places_do_not_overlap() -> None:
    for layout in ("STANDARD\\7,9", "ROW\\5,1,9", "COL\\3,8,2"):
        drawn = np.zeros((2550, 2100), int)
        for place in places(Film(layout=layout, annotation_lines=3)):
            drawn[place.top : place.top + place.height, place.left : place.left + place.width] += 1
        assert drawn.max() == 1


def test_a_landscape_film_lies_on_its_side() -> None:
    assert size_of(Film(layout="STANDARD\\1,1")) == (2100, 2550)
    assert size_of(Film(layout="STANDARD\\1,1", is_landscape=True, resolution="HIGH")) == (5100, 4200)
    assert size_of(Film(layout="STANDARD\\1,1", size="8INX10IN")) == (1200, 1500)


@pytest.mark.parametrize(
    ("pixels", "more", "grey"),
    [
        (flat(255), {}, 255),
        (flat(0), {}, 0),
        (flat(200), {"is_reverse": True}, 55),
        (flat(200, is_inverse=True), {}, 55),
        (flat(200, is_inverse=True), {"is_reverse": True}, 200),
        (flat(3), {"lut": (8, (0, 10, 20, 30))}, 30),
        (flat(200), {"lut": (10, (0, 1023))}, 255),
        (flat(255), {"densities": (320, 320)}, 0),
    ],
)
def test_an_images_values_become_greys(pixels: Pixels, more: dict[str, object], grey: int) -> None:
    film = Film(
        layout="STANDARD\\1,1",
        size="8INX10IN",
        images=(PlacedImage(position=1, pixels=pixels, **more),),  # type: ignore[arg-type]
    )
    assert middle(render(film), film, 1) == grey


def test_twelve_bits_become_eight_and_the_unused_ones_are_not_looked_at() -> None:
    data = (4095 | 0xF000).to_bytes(2, "little") * 100
    pixels = Pixels(data=data, rows=10, columns=10, bits_allocated=16, bits_stored=12)
    film = Film(layout="STANDARD\\1,1", size="8INX10IN", images=(PlacedImage(position=1, pixels=pixels),))
    assert middle(render(film), film, 1) == 255


@pytest.mark.parametrize("is_planar", [True, False])
def test_colours_by_plane_and_by_pixel_are_the_same(is_planar: bool) -> None:
    red, green, blue = 250, 120, 10
    count = 16
    data = bytes([red] * count + [green] * count + [blue] * count) if is_planar else bytes([red, green, blue]) * count
    pixels = Pixels(data=data, rows=4, columns=4, samples=3, is_planar=is_planar)
    film = Film(layout="STANDARD\\1,1", size="8INX10IN", images=(PlacedImage(position=1, pixels=pixels),))
    assert middle(render(film), film, 1).tolist() == [red, green, blue]


def test_a_grey_image_beside_a_coloured_one_stays_grey() -> None:
    colour = Pixels(data=bytes([9, 99, 199]) * 4, rows=2, columns=2, samples=3)
    film = Film(
        layout="STANDARD\\1,2",
        size="8INX10IN",
        images=(PlacedImage(position=1, pixels=colour), PlacedImage(position=2, pixels=flat(77))),
    )
    drawn = render(film)
    assert middle(drawn, film, 1).tolist() == [9, 99, 199]
    assert middle(drawn, film, 2).tolist() == [77, 77, 77]


def test_border_empty_places_and_trim() -> None:
    film = Film(
        layout="STANDARD\\1,2",
        size="8INX10IN",
        border="WHITE",
        empty="320",
        has_trim=True,
        images=(PlacedImage(position=2, pixels=flat(100)),),
    )
    drawn = render(film)
    assert drawn[0, 0] == 255
    assert middle(drawn, film, 1) == 0
    assert middle(drawn, film, 2) == 100
    place = places(film)[0]
    assert drawn[place.top - 1, place.left + 5] == 0, "the trim is seen on the border"


@pytest.mark.parametrize(
    ("density", "grey"),
    [("BLACK", 0), ("WHITE", 255), ("15", 255), ("320", 0), (320, 0), ("9999", 0), ("-5", 9), ("", 9), (None, 9)],
)
def test_densities_as_greys(density: object, grey: int) -> None:
    assert grey_of(density, 9) == grey  # type: ignore[arg-type]


def test_an_image_keeps_its_shape() -> None:
    film = Film(layout="STANDARD\\1,1", size="8INX10IN")
    (place,) = places(film)
    width, height, fitted = fit(film, PlacedImage(position=1, pixels=flat(1, rows=10, columns=40)), place)
    assert (width, fitted) == (place.width, Fit.WHOLE)
    assert abs(height * 4 - width) <= 4
    # Pixels twice as high as wide.
    width, height, _ = fit(film, PlacedImage(position=1, pixels=flat(1, aspect=2.0)), place)
    assert abs(height - 2 * width) <= 2


def test_an_image_of_a_requested_size_and_without_magnification() -> None:
    film = Film(layout="STANDARD\\1,1", size="8INX10IN")
    (place,) = places(film)
    assert fit(film, PlacedImage(position=1, pixels=flat(1), width=25.4), place) == (150, 150, Fit.WHOLE)
    assert fit(film, PlacedImage(position=1, pixels=flat(1), magnification="NONE"), place) == (20, 20, Fit.WHOLE)


def test_an_image_larger_than_its_place() -> None:
    film = Film(layout="STANDARD\\1,1", size="8INX10IN")
    (place,) = places(film)

    def large(what: str) -> PlacedImage:
        return PlacedImage(position=1, pixels=flat(50), width=1000.0, if_too_large=what)

    assert fit(film, large("DECIMATE"), place) == (place.width, place.width, Fit.DECIMATED)
    width, _, fitted = fit(film, large("CROP"), place)
    assert (width > place.width, fitted) == (True, Fit.CROPPED)
    with pytest.raises(TooLargeError):
        fit(film, large("FAIL"), place)
    cropped = Film(layout=film.layout, size=film.size, images=(large("CROP"),))
    drawn = render(cropped)
    assert drawn[place.top, place.left] == drawn[place.top + place.height - 1, place.left + place.width - 1] == 50


@pytest.mark.parametrize("magnification", ["REPLICATE", "BILINEAR"])
def test_magnifying_four_pixels(magnification: str) -> None:
    pixels = Pixels(data=bytes([0, 255, 255, 0]), rows=2, columns=2)
    film = Film(
        layout="STANDARD\\1,1",
        size="8INX10IN",
        magnification=magnification,
        images=(PlacedImage(position=1, pixels=pixels),),
    )
    (place,) = places(film)
    side = place.width
    top = place.top + (place.height - side) // 2
    drawn = render(film)[top : top + side, place.left : place.left + side]
    assert [drawn[0, 0], drawn[0, -1], drawn[-1, 0], drawn[-1, -1]] == [0, 255, 255, 0]
    has_between = bool(((drawn > 20) & (drawn < 235)).any())
    assert has_between == (magnification == "BILINEAR")


def test_fine_detail_made_smaller_becomes_its_mean() -> None:
    stripes = np.tile(np.array([0, 200], np.uint8), (4000, 2000))
    pixels = Pixels(data=stripes.tobytes(), rows=4000, columns=4000)
    film = Film(layout="STANDARD\\5,5", size="8INX10IN", images=(PlacedImage(position=1, pixels=pixels),))
    place = places(film)[0]
    drawn = render(film)[place.top + 60 : place.top + 90, place.left + 20 : place.left + 80]
    assert 90 <= drawn.min() <= drawn.max() <= 110


def test_annotations_are_written_below_the_images() -> None:
    film = Film(
        layout="STANDARD\\1,1",
        size="8INX10IN",
        annotation_lines=2,
        annotations={7: "ABC", 2: "I"},
    )
    drawn = render(film)
    lower = drawn[-60:]
    assert set(np.unique(drawn)) == {0, 255}
    # The line of the smaller position comes first, and an I has fewer dots than ABC.
    dots = [int((half > 0).sum()) for half in (lower[:30], lower[30:])]
    assert 0 < dots[0] < dots[1]
    assert not drawn[:-60].any()


def test_letters_small_ones_accents_and_unknown_ones() -> None:
    assert film_letters.drawn("jörg", 100) == film_letters.drawn("JORG", 100)
    assert film_letters.drawn("漢", 100) == film_letters.drawn("字", 100)
    assert len(film_letters.drawn("A" * 50, 60)[0]) == 60
    assert film_letters.drawn("", 100) == [[]] * film_letters.HEIGHT


def test_one_film_becomes_a_secondary_capture(tmp_path: Path) -> None:
    path = tmp_path / "film.dcm"
    film = Film(layout="STANDARD\\1,1", size="8INX10IN", images=(PlacedImage(position=1, pixels=flat(123)),))
    start = Dataset()
    start.PatientName = "Doe^Jane"
    assert write_films(path, [film], start, sop_instance_uid="1.2.3") == (1200, 1500)
    made = dcmread(path)
    assert made.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID == "1.2.3"
    assert made.SOPClassUID.keyword == "SecondaryCaptureImageStorage"
    assert made.PatientName == "Doe^Jane"
    assert np.array_equal(made.pixel_array, render(film))
    assert [one.name for one in tmp_path.iterdir()] == ["film.dcm"]


def test_several_films_of_different_sizes_become_frames(tmp_path: Path) -> None:
    path = tmp_path / "film.dcm"
    colour = Pixels(data=bytes([200, 100, 50]) * 4, rows=2, columns=2, samples=3)
    films = [
        Film(layout="STANDARD\\1,1", size="8INX10IN", border="WHITE"),
        Film(layout="STANDARD\\1,1", size="10INX12IN", images=(PlacedImage(position=1, pixels=colour),)),
    ]
    write_films(path, films, Dataset(), sop_instance_uid="1.2.3")
    made = dcmread(path)
    frames = made.pixel_array
    assert made.SOPClassUID.keyword == "MultiFrameTrueColorSecondaryCaptureImageStorage"
    assert frames.shape == (2, 1800, 1500, 3)
    assert frames[0, -1, -1].tolist() == [255, 255, 255], "the smaller film's border goes on"
    assert middle(frames[1], films[1], 1).tolist() == [200, 100, 50]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    broken = Film(layout="SLIDE")
    with pytest.raises(LayoutError):
        write_films(tmp_path / "film.dcm", [broken], Dataset(), sop_instance_uid="1.2.3")
    assert not list(tmp_path.iterdir())


def test_films_that_no_file_can_hold_are_refused_before_they_are_drawn(tmp_path: Path) -> None:
    film = Film(layout="STANDARD\\1,1", resolution="HIGH", size="A3")
    with pytest.raises(TooLargeError, match="MiB"):
        write_films(tmp_path / "film.dcm", [film] * 300, Dataset(), sop_instance_uid="1.2.3")
