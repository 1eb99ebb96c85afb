"""Draw the icons that cannot be SVG: flasky/static/favicon.ico and touch-icon.png.

The drawing is that of favicon.svg, with the same numbers, four times finer than the largest icon and then scaled
down. Run it after changing favicon.svg: .venv/bin/python tools/make_icons.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

FOLDER = Path(__file__).parents[1] / "flasky" / "static"
SCALE = 24  # pixels per unit of the 32-unit drawing
GROUND, LIQUID, GLASS = "#12343b", "#2dd4bf", "#ffffff"


def draw(corner: float) -> Image.Image:
    """The drawing; `corner` is the radius of the ground's corners."""
    image = Image.new("RGBA", (32 * SCALE, 32 * SCALE))
    pen = ImageDraw.Draw(image)

    def points(*pairs: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x * SCALE, y * SCALE) for x, y in pairs]

    def line(*pairs: tuple[float, float]) -> None:
        pen.line(points(*pairs), fill=GLASS, width=2 * SCALE, joint="curve")
        for x, y in points(*pairs):
            pen.ellipse((x - SCALE, y - SCALE, x + SCALE, y + SCALE), fill=GLASS)

    pen.rounded_rectangle((0, 0, 32 * SCALE - 1, 32 * SCALE - 1), corner * SCALE, fill=GROUND)
    pen.polygon(points((11, 18.5), (21, 18.5), (25, 26.5), (7, 26.5)), fill=LIQUID)
    line((13.5, 5), (13.5, 12.9), (7.4, 25), (8.4, 27), (23.6, 27), (24.6, 25), (18.5, 12.9), (18.5, 5))
    line((11.5, 5), (20.5, 5))
    return image


def main() -> None:
    """Write both files."""
    icon = draw(corner=7)
    icon.resize((256, 256), Image.Resampling.LANCZOS).save(FOLDER / "favicon.ico", sizes=[(16, 16), (32, 32), (48, 48)])
    touch = draw(corner=0).convert("RGB").resize((180, 180), Image.Resampling.LANCZOS)
    touch.save(FOLDER / "touch-icon.png", optimize=True)


if __name__ == "__main__":
    main()
