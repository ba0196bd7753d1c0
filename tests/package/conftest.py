"""The package, built once; a Debian 13 to install it in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.package.debian import BUILD_DEB, Debian, command, need_root


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests in one process, one after the other: they share a package and a Debian."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.xdist_group("package"))
            # Building, fetching and installing take their time, and longer beside other tests.
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package file, as `scripts/build-deb` makes it; lintian had nothing to say against it."""
    need_root()
    built = command(BUILD_DEB, tmp_path_factory.mktemp("package"))
    return Path(built.strip())


@pytest.fixture(scope="session")
def contents(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what is in the package, and its control files in `DEBIAN`."""
    folder = tmp_path_factory.mktemp("contents") / "unpacked"
    command("dpkg-deb", "-R", package, folder)
    return folder


@pytest.fixture(scope="session")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian]:
    """A Debian 13 with hardly anything in it."""
    need_root()
    folder = tmp_path_factory.mktemp("debian") / "root"
    try:
        yield Debian(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
