"""A fake cloud of the benchmark, in a process of its own as in a real run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.certificates import Certificates, make_certificates
from bench.cloud import Cloud

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder: Path = tmp_path_factory.mktemp("bench")
    return make_certificates(folder)


@pytest.fixture(scope="session")
def running_cloud(certificates: Certificates) -> Iterator[Cloud]:
    with Cloud(certificates.server) as cloud:
        yield cloud


@pytest.fixture
def cloud(running_cloud: Cloud) -> Cloud:
    running_cloud.reset()
    return running_cloud
