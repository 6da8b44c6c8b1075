"""A real Home Assistant with the integration from this repository and a finished onboarding."""

import fnmatch
import json
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environments
import package
from progress import StepError, run, step
from service import HOST, Answer, Service
from toolchain import ROOT

DOMAIN = "litellm_pulse"
DASHBOARD = "litellm-spend"
"""The address of the demo's dashboard, below Home Assistant's."""
LIMITS = {"daily": 15, "weekly": 75, "monthly": 350}
"""What the demo's proxy may spend, in US dollars."""
HISTORY_ENDS = 900
"""Seconds before now at which invented history ends: the proxy's own counters begin later."""
USER = "demo"
PASSWORD = "demo"  # noqa: S105 - it is on loopback and printed

CONFIGURATION = """\
homeassistant:
  name: LiteLLM Pulse demo
  time_zone: UTC
frontend:
automation: !include automations.yaml
energy:
config:
history:
logbook:
logger:
  default: warning
"""

SENSORS = """\
[{% for id in integration_entities("litellm_pulse") if has_value(id) %}
  {{- {
    "identifier": (device_attr(id, "identifiers") | list)[0][1],
    "device": device_attr(id, "name"),
    "name": state_attr(id, "friendly_name"),
    "state": states(id),
  } | to_json }}{{ "," if not loop.last }}
{%- endfor %}]
"""


@dataclass(frozen=True)
class Sensor:
    """One of the integration's entities, as Home Assistant shows it."""

    identifier: str
    """The identifier of its device."""
    device: str
    name: str
    state: str

    @property
    def member(self) -> tuple[str, str]:
        """The dimension and name of what its device stands for; both are empty for the proxy."""
        dimension, _, name = self.identifier.partition(":")[2].partition(":")
        return dimension, name

    @property
    def label(self) -> str:
        """The name without that of its device."""
        return self.name.removeprefix(self.device).strip()


class HomeAssistant(Service):
    """The Home Assistant of the demo and of the end-to-end tests."""

    title = "Home Assistant"
    usual_port = 8123

    def __init__(self, state: Path) -> None:
        """Use `state` as Home Assistant's configuration folder."""
        super().__init__(state)
        self._token = ""

    def _command(self) -> list[str | Path]:
        self._token = ""
        self.configure()
        python = environments.prepare("newest")
        return [python, "-m", "homeassistant", "--config", ".", "--skip-pip", "--log-no-color"]

    def configure(self) -> None:
        """Write what Home Assistant finds when it starts."""
        (self.state / "configuration.yaml").write_text(CONFIGURATION)
        # The automation editor writes it.
        (self.state / "automations.yaml").touch()
        self._install(self.state / "custom_components" / DOMAIN)
        self._store("http", 2, 2, _http(self.port))
        if not (self.state / ".storage/onboarding").exists():
            # Steps that would fetch more integrations and need the internet; the user's is done in _log_in.
            self._store("onboarding", 4, 1, {"done": ["core_config", "analytics", "integration"]})

    def _install(self, folder: Path) -> None:
        """Put the integration into its folder: a link, so that a restart runs what was edited."""
        folder.parent.mkdir(exist_ok=True)
        folder.unlink(missing_ok=True)
        folder.symlink_to(ROOT / "custom_components" / DOMAIN)

    def _store(self, key: str, version: int, minor_version: int, data: object) -> None:
        """Write a file of Home Assistant's storage, before it starts."""
        path = self.state / ".storage" / key
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"version": version, "minor_version": minor_version, "key": key, "data": data}))

    def _ready(self) -> bool:
        if not self._token:
            self._token = self._log_in()
        return bool(self.api("config")["state"] == "RUNNING")

    def _log_in(self) -> str:
        """Return an access token; the first time ever, create the user."""
        onboarding = self.request("/api/onboarding")
        # The view is gone once all steps are done.
        if onboarding.status != 200 or _done(onboarding, "user"):  # noqa: PLR2004
            return self.log_in(USER, PASSWORD)
        person = {"name": "Demo", "username": USER, "password": PASSWORD, "language": "en"}
        created = self.request("/api/onboarding/users", {**person, "client_id": f"{self.url}/"})
        return self._access_token(created.json()["auth_code"])

    def log_in(self, user: str, password: str) -> str:
        """Return an access token for a user."""
        client = {"client_id": f"{self.url}/"}
        start = {**client, "handler": ["homeassistant", None], "redirect_uri": client["client_id"]}
        flow = self.request("/auth/login_flow", start).json()["flow_id"]
        login = {**client, "username": user, "password": password}
        return self._access_token(self.request(f"/auth/login_flow/{flow}", login).json()["result"])

    def _access_token(self, code: str) -> str:
        """Return the access token that a code of the login is worth."""
        grant = {"client_id": f"{self.url}/", "grant_type": "authorization_code", "code": code}
        return str(self.request("/auth/token", grant, form=True).json()["access_token"])

    def ask(self, path: str, body: object = None) -> Answer:
        """Send an authenticated request to a path below /api."""
        answer = self.request(f"/api/{path}", body, token=self._token)
        if answer.status == 401:  # noqa: PLR2004 - a token lasts half an hour
            self._token = self._log_in()
            answer = self.request(f"/api/{path}", body, token=self._token)
        return answer

    def api(self, path: str, body: object = None) -> Any:  # noqa: ANN401 - whatever the API says
        """Return the JSON of an authenticated request to a path below /api."""
        return self.ask(path, body).json()

    def flow(self, kind: str, handler: str, answers: Mapping[str, object]) -> Any:  # noqa: ANN401 - likewise
        """Walk through a flow of one form, as the UI does, and return its result."""
        path = f"config/config_entries/{kind}"
        form = self.api(path, {"handler": handler})
        result = self.api(f"{path}/{form['flow_id']}", answers)
        if result["type"] != "create_entry":
            raise StepError(f"the {kind} of {handler} did not finish: {result.get('errors') or result}")
        return result

    def set_up(self, url: str, api_key: str, *, scan_interval: int = 10, **more: object) -> str:
        """Set the integration up and return the id of its entry."""
        created = self.flow("flow", DOMAIN, {"url": url, "api_key": api_key, "verify_ssl": True, **more})
        entry_id = str(created["result"]["entry_id"])
        self.flow("options/flow", entry_id, {"counting": {"scan_interval": scan_interval}})
        return entry_id

    def invent_history(self, entry_id: str) -> None:
        """Give an entry a ledger that goes back 60 invented days, to before the proxy's own start."""
        title = next(entry["title"] for entry in self.entries() if entry["entry_id"] == entry_id)
        self.stop()
        ledger = self.state / DOMAIN / f"{entry_id}.db"
        # The spare copy is of the ledger that is thrown away.
        for file in (*ledger.parent.glob(f"{entry_id}*"), self.state / ".storage" / f"{DOMAIN}.{entry_id}"):
            file.unlink(missing_ok=True)
        command = [environments.prepare("newest"), Path(__file__).with_name("demo_history.py"), ledger]
        run("Inventing 60 days of history", [*command, str(time.time() - HISTORY_ENDS)])
        self._add_dashboard(f"{title} spend")
        self.start()
        for window, dollars in LIMITS.items():
            limit = {"entity_id": self._entity(f"number.*_{window}_limit"), "value": dollars}
            self.api("services/number/set_value", limit)

    def _add_dashboard(self, title: str) -> None:
        """Put the spend dashboard into the sidebar, as "Add dashboard" does; before Home Assistant starts."""
        dashboard = {"id": DASHBOARD, "url_path": DASHBOARD, "title": title, "icon": "mdi:finance"}
        shown = {"mode": "storage", "show_in_sidebar": True, "require_admin": False}
        self._store("lovelace_dashboards", 1, 1, {"items": [dashboard | shown]})
        self._store(f"lovelace.{DASHBOARD}", 1, 1, {"config": {"strategy": {"type": "custom:litellm-pulse"}}})

    def entries(self) -> list[dict[str, Any]]:
        """Return the integration's config entries."""
        return list(self.api(f"config/config_entries/entry?domain={DOMAIN}"))

    def sensors(self) -> list[Sensor]:
        """Return the integration's entities that have a value."""
        rows = json.loads(self.ask("template", {"template": SENSORS}).body)
        return [Sensor(**row) for row in rows]

    def spend(self, window: str = "Spend today") -> dict[str, float]:
        """Return what the sensors show per model, and under an empty name for the proxy."""
        return {
            sensor.member[1]: float(sensor.state)
            for sensor in self.sensors()
            if sensor.label == window and sensor.member[0] in ("", "model")
        }

    def wait_for_spend(self, expected: Mapping[str, float], window: str, seconds: float = 60) -> dict[str, float]:
        """Return what the sensors show once it is what was expected, or after some time whatever it is."""
        with step(f"Waiting for Home Assistant to show it ({window})") as current:
            while not same_spend(shown := self.spend(window), expected) and current.seconds < seconds:
                self.refresh()
                time.sleep(1)
        return shown

    def refresh(self) -> None:
        """Let the integration scrape now."""
        self.api("services/homeassistant/update_entity", {"entity_id": self._entities()})

    def _entities(self) -> list[str]:
        """Return the ids of the integration's entities."""
        found = self.api("template", {"template": f"{{{{ integration_entities('{DOMAIN}') | to_json }}}}"})
        return [str(one) for one in found]

    def _entity(self, pattern: str) -> str:
        """Return the id of the only entity that is called so; raises StepError where there is none, or several."""
        found = fnmatch.filter(self._entities(), pattern)
        if len(found) != 1:
            raise StepError(f"Home Assistant: of {pattern} there are {len(found)}")
        return found[0]


class Installed(HomeAssistant):
    """A Home Assistant with the release's zip unpacked, as HACS does it, and nothing else of this work tree."""

    def _install(self, folder: Path) -> None:
        archive = self.state / package.filename(ROOT)
        package.build(ROOT, archive)
        shutil.unpack_archive(archive, folder)


def plus(before: Mapping[str, float], sent: Mapping[str, float]) -> dict[str, float]:
    """Return what the models' spend should be after traffic that cost `sent`."""
    models = [model for model in {**before, **sent} if model]
    return {model: before.get(model, 0) + sent.get(model, 0) for model in models}


def same_spend(shown: Mapping[str, float], expected: Mapping[str, float]) -> bool:
    """Tell whether the models' spend and the proxy's total are what was expected, to a billionth of a dollar."""
    total = {"": math.fsum(expected.values())}
    wanted = {**expected, **total}
    return all(math.isclose(shown.get(name, math.nan), spend, abs_tol=1e-9) for name, spend in wanted.items())


def _done(onboarding: Answer, step: str) -> bool:
    return any(row["step"] == step and row["done"] for row in onboarding.json())


def _http(port: int) -> dict[str, object]:
    """Return Home Assistant's stored HTTP configuration: that in YAML counts only once."""
    confirmed = {
        "server_host": [HOST],
        "server_port": port,
        "cors_allowed_origins": [],
        "ip_ban_enabled": False,
        "login_attempts_threshold": -1,
        "ssl_profile": "modern",
        "use_x_frame_options": True,
        "created_at": "2026-01-01T00:00:00+00:00",
    }
    return {"stable": confirmed, "pending": None, "yaml_migration_done": True}
