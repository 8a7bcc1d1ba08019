"""Both palettes: readable everywhere, and switched as a whole."""

from __future__ import annotations

from dataclasses import fields

import pytest
from PySide6.QtGui import QColor, QPalette

from workstation.ui.theme import DARK, LIGHT, Appearance, Colours, Theme

TEXTS = (
    "text dimmed accent sent received success warning failure pending cancelled".split()  # noqa: SIM905
)


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.1."""

    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    c = QColor(colour)
    return 0.2126 * linear(c.redF()) + 0.7152 * linear(c.greenF()) + 0.0722 * linear(c.blueF())


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("surface", ["window", "base", "alternate", "button", "tooltip", "highlight"])
def test_text_is_readable_on_every_surface(colours: Colours, text: str, surface: str):
    assert contrast(getattr(colours, text), getattr(colours, surface)) >= 4.5


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "surface"),
    [("highlighted_text", "highlight"), ("on_marked", "marked"), ("on_lit", "lit")],
)
def test_text_is_readable_on_its_own_surface(colours: Colours, text: str, surface: str):
    assert contrast(getattr(colours, text), getattr(colours, surface)) >= 4.5


def test_every_colour_is_a_colour():
    for palette in (LIGHT, DARK):
        for each in fields(palette):
            assert QColor(getattr(palette, each.name)).isValid(), each.name


def test_choosing_an_appearance_repaints_everything(qapp):
    theme = Theme()
    seen = []
    theme.changed.connect(lambda: seen.append(theme.is_dark))
    theme.set_appearance(Appearance.DARK)
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(DARK.window)
    assert theme.sent == QColor(DARK.sent)
    theme.set_appearance(Appearance.LIGHT)
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(LIGHT.window)
    assert seen == [True, False]
    assert qapp.style().name() == "fusion"
