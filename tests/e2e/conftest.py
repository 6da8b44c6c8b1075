"""A proxy and a Home Assistant that all end-to-end tests share, for they take half a minute to start."""

from collections.abc import Iterator

import pytest
import pytest_socket
from home_assistant import HomeAssistant
from progress import StepError
from prometheus import binary
from proxy import MASTER_KEY, Proxy

from .agent import MODEL, Model


@pytest.fixture(autouse=True)
def _loopback(socket_enabled: None) -> None:
    """Let these tests reach what they started."""


@pytest.fixture
def _prometheus() -> None:
    """Skip where no Prometheus server can be had: Debian's package is not for every machine."""
    try:
        binary()
    except StepError as err:
        pytest.skip(str(err))


@pytest.fixture(scope="package")
def model() -> Iterator[Model]:
    """Return a language model that does as it is told, behind the proxy."""
    # Fixtures of a package come before _loopback.
    pytest_socket.enable_socket()
    with Model.serve() as running:
        yield running


@pytest.fixture(scope="package")
def proxy(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Return a running LiteLLM proxy."""
    with Proxy(tmp_path_factory.mktemp("proxy"), models={MODEL: model.parameters()}) as running:
        yield running


@pytest.fixture(scope="package")
def home(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HomeAssistant]:
    """Return a running Home Assistant with the integration set up."""
    # Another module's tests may have come between the proxy and this.
    pytest_socket.enable_socket()
    with HomeAssistant(tmp_path_factory.mktemp("home-assistant")) as running:
        running.set_up(proxy.url, MASTER_KEY)
        yield running
