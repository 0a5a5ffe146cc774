"""Draw the PNG icons of the site from its SVG icons, with Chromium: ``make icons``."""

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

STATIC = Path(__file__).parents[2] / "flicklist" / "static"
# The SVG, the PNG, and its width and height in pixels.
ICONS = [
    ("favicon.svg", "app-icon-192.png", 192),
    ("favicon.svg", "app-icon-512.png", 512),
    ("app-icon-maskable.svg", "app-icon-maskable-512.png", 512),
]


def draw_icons() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for svg, png, size in ICONS:
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(
                f"<style>body {{ margin: 0 }} svg {{ display: block }}</style>{(STATIC / svg).read_text()}"
            )
            page.screenshot(path=STATIC / png, omit_background=True)
        browser.close()


if __name__ == "__main__":
    draw_icons()
