from __future__ import annotations

import pytest
from huggingface_hub import close_session, constants

from .fake_hub import running_hub


@pytest.fixture
def hub(monkeypatch):
    """A hub on loopback that ``huggingface_hub`` takes for the real one."""
    with running_hub() as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        template = running.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield running
        close_session()
