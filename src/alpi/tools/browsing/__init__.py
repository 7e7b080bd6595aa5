"""The browser: Chromium by way of Playwright, with all its networking through the guard."""
