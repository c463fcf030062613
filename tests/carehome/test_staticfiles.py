"""Static files collected as in production: hashed names, compressed copies, modules that find each other."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("static")
    storages = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "carehome.staticfiles.Storage"},
    }
    with override_settings(STATIC_ROOT=root, STORAGES=storages):
        call_command("collectstatic", interactive=False, verbosity=0)
    return root


def hashed(root: Path, name: str) -> Path:
    names: dict[str, str] = json.loads((root / "staticfiles.json").read_text())["paths"]
    return root / names[name]


def test_modules_import_each_other_by_hashed_names(collected: Path) -> None:
    module = hashed(collected, "js/app.js")

    imports = re.findall(r'from "([^"]+)"', module.read_text())
    assert len(imports) == 4
    assert all(re.search(r"\.[0-9a-f]{12}\.js$", name) for name in imports)
    assert all((module.parent / name).exists() for name in imports)


def test_style_sheets_reach_their_fonts_and_images(collected: Path) -> None:
    reached = []
    for name in ("css/app.css", "vendor/nhsuk/day.css", "vendor/nhsuk/night.css"):
        sheet = hashed(collected, name)
        urls = re.findall(r"url\([\"']?([^\"')]+)", sheet.read_text())
        reached += [(sheet.parent / url.split("#")[0]).resolve() for url in urls if not url.startswith("data:")]

    assert len(reached) > 4
    assert all(path.exists() for path in reached)


def test_text_files_are_stored_compressed_too(collected: Path) -> None:
    sheet = hashed(collected, "vendor/nhsuk/day.css")

    assert sheet.with_suffix(".css.gz").stat().st_size < sheet.stat().st_size / 5
