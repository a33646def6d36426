"""Settings: everything that can be chosen, frozen, checked before anything starts.

Everyone is handed its part of this; nobody reads the environment but this page's source
(`settings/environment.py`). Tunables and their defaults: `settings/parts.py`. Where OTLP goes:
`settings/otlp_target.py`. Reading settings does no I/O: no ``.env``, no secrets directory.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from telemetry_actors.base.switches import is_gateway_word, is_sdk_disabled
from telemetry_actors.errors import SettingsError
from telemetry_actors.redaction.redaction import know_settings
from telemetry_actors.settings._celery import CelerySettings
from telemetry_actors.settings._header_texts import check_key, header_pairs
from telemetry_actors.settings._problem import as_written, first_problem
from telemetry_actors.settings.environment import EnvironmentSource
from telemetry_actors.settings.header_files import header_files
from telemetry_actors.settings.origin import ORIGIN, Origin
from telemetry_actors.settings.otlp_target import (
    OtlpTarget,
    OtlpTexts,
    check_url,
    half_named,
    resolve,
    with_scheme,
)
from telemetry_actors.settings.parts import (
    DeadLetterSettings,
    DedupSettings,
    GatewaySettings,
    JournalSettings,
    LifecycleSettings,
    LimitSettings,
    MetricSettings,
    OtlpSettings,
    PayloadStoreSettings,
    PressureSettings,
    ProviderSettings,
    RehydratorSettings,
    SinkSettings,
    StageSettings,
    SupervisionSettings,
)

_NO_SECRET = SecretStr("")
_REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


class TelemetrySettings(BaseSettings):
    """All settings. What is not given comes from the environment, else is the default.

    Fields are named as the environment names them, in lower case
    (``enterprise_otlp_endpoint`` is ``ENTERPRISE_OTLP_ENDPOINT``); a tunable such as
    ``gateway.linger_s`` is ``TELEMETRY_ACTORS__GATEWAY__LINGER_S`` there.

    Raises:
        SettingsError: a setting is unknown or unusable; one line says which and why.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_file=None)

    enterprise_enabled: bool = False
    """This is the enterprise edition. Off: only runs and messages are eligible."""
    enterprise_telemetry_enabled: bool = False
    """Enterprise telemetry is wanted; counts only together with *enterprise_enabled*."""
    enterprise_telemetry_gateway_enabled: bool = False
    """The gateway carries the events. On with true/1/yes in any case, else off, as the platform has
    it; every other switch takes true/1/yes/on and false/0/no/off, and nothing else."""
    enterprise_otlp_protocol: str = "http"
    """``http`` (protobuf), or ``grpc``."""
    enterprise_otlp_endpoint: str = ""
    """Base URL of an OTLP receiver. Empty: ``TELEMETRY_ACTORS__ENDPOINT``, else
    ``OTEL_EXPORTER_OTLP_ENDPOINT``, or none."""
    enterprise_otlp_headers: SecretStr = _NO_SECRET
    """``k=v,k2=v2``, percent-encoded; sent with each request."""
    enterprise_otlp_api_key: SecretStr = _NO_SECRET
    """Sent as ``authorization: Bearer <key>``; wins over an authorization header."""
    enterprise_otlp_headers_file: Path | None = None
    """Absolute path of a file with what *enterprise_otlp_headers* would hold (or one pair a line).
    Read at the start and again when it has changed: see below."""
    enterprise_otlp_api_key_file: Path | None = None
    """Absolute path of a file with the key instead. The same."""
    enterprise_include_content: bool = False
    """Prompts, answers, queries travel too. Off: they are replaced before packing (g21)."""
    enterprise_service_name: Annotated[str, Field(min_length=1)] = "dify"
    """``service.name`` of the resource. Not set: ``TELEMETRY_ACTORS__SERVICE_NAME``, else
    ``OTEL_SERVICE_NAME``, else that of ``OTEL_RESOURCE_ATTRIBUTES``, else ``dify``."""
    enterprise_otel_sampling_rate: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    """Share of traces whose spans are kept. Logs and metrics are never sampled."""
    redis_url: SecretStr | None = None
    """Dedup across processes; none = in memory. Environment: ``TELEMETRY_ACTORS__REDIS_URL``."""
    transport: Literal["in_process", "celery"] = "in_process"
    """Who handles the events: this process, or a fleet of Celery workers (``celery.*``)."""
    strict: bool = False
    """For development: `emit()` raises `StrictError` of what is certainly a mistake."""
    config: Path | None = None
    """TOML file that overrides how the tree is supervised; see ``telemetry-actors config``."""
    otel_sdk_disabled: bool = False
    """``true`` in any case: nothing is carried; each event is refused as ``gateway_off``."""
    otel_exporter_otlp: dict[str, SecretStr] = Field(default_factory=dict, repr=False)
    """``OTEL_EXPORTER_OTLP_<NAME>`` of the host by lower-case *name*; see `resolved_otlp`."""

    gateway: GatewaySettings = GatewaySettings()
    journal: JournalSettings = JournalSettings()
    pressure: PressureSettings = PressureSettings()
    stages: StageSettings = StageSettings()
    dedup: DedupSettings = DedupSettings()
    payload_store: PayloadStoreSettings = PayloadStoreSettings()
    rehydrator: RehydratorSettings = RehydratorSettings()
    sink: SinkSettings = SinkSettings()
    otlp: OtlpSettings = OtlpSettings()
    metrics: MetricSettings = MetricSettings()
    limits: LimitSettings = LimitSettings()
    lifecycle: LifecycleSettings = LifecycleSettings()
    supervision: SupervisionSettings = SupervisionSettings()
    dead_letters: DeadLetterSettings = DeadLetterSettings()
    providers: ProviderSettings = ProviderSettings()
    celery: CelerySettings = CelerySettings()

    _target: OtlpTarget | None = PrivateAttr(default=None)
    _origin: Origin = PrivateAttr(default=Origin())

    if TYPE_CHECKING:  # what may be given is more than what is kept

        def __init__(
            self,
            *,
            enterprise_enabled: bool = ...,
            enterprise_telemetry_enabled: bool = ...,
            enterprise_telemetry_gateway_enabled: bool = ...,
            enterprise_otlp_protocol: str = ...,
            enterprise_otlp_endpoint: str = ...,
            enterprise_otlp_headers: SecretStr | str = ...,
            enterprise_otlp_api_key: SecretStr | str = ...,
            enterprise_otlp_headers_file: Path | str | None = ...,
            enterprise_otlp_api_key_file: Path | str | None = ...,
            enterprise_include_content: bool = ...,
            enterprise_service_name: str = ...,
            enterprise_otel_sampling_rate: float = ...,
            redis_url: SecretStr | str | None = ...,
            transport: Literal["in_process", "celery"] = ...,
            strict: bool = ...,
            config: Path | str | None = ...,
            otel_sdk_disabled: bool = ...,
            otel_exporter_otlp: Mapping[str, SecretStr | str] = ...,
            gateway: GatewaySettings | Mapping[str, object] = ...,
            journal: JournalSettings | Mapping[str, object] = ...,
            pressure: PressureSettings | Mapping[str, object] = ...,
            stages: StageSettings | Mapping[str, object] = ...,
            dedup: DedupSettings | Mapping[str, object] = ...,
            payload_store: PayloadStoreSettings | Mapping[str, object] = ...,
            rehydrator: RehydratorSettings | Mapping[str, object] = ...,
            sink: SinkSettings | Mapping[str, object] = ...,
            otlp: OtlpSettings | Mapping[str, object] = ...,
            metrics: MetricSettings | Mapping[str, object] = ...,
            limits: LimitSettings | Mapping[str, object] = ...,
            lifecycle: LifecycleSettings | Mapping[str, object] = ...,
            supervision: SupervisionSettings | Mapping[str, object] = ...,
            dead_letters: DeadLetterSettings | Mapping[str, object] = ...,
            providers: ProviderSettings | Mapping[str, object] = ...,
            celery: CelerySettings | Mapping[str, object] = ...,
        ) -> None: ...

    @classmethod
    def enabled(cls, **overrides: Any) -> Self:
        """Settings with the edition, telemetry and gateway flags on.

        Args:
            overrides: any field, by name; they win over the environment.

        >>> TelemetrySettings.enabled(enterprise_enabled=False).telemetry_on
        False
        """
        flags = {
            "enterprise_enabled": True,
            "enterprise_telemetry_enabled": True,
            "enterprise_telemetry_gateway_enabled": True,
        }
        return cls(**{**flags, **overrides})

    @property
    def telemetry_on(self) -> bool:
        """Enterprise telemetry is on: both flags."""
        return self.enterprise_enabled and self.enterprise_telemetry_enabled

    @property
    def gateway_on(self) -> bool:
        """The gateway carries the events: its switch, unless ``OTEL_SDK_DISABLED`` is true."""
        return self.enterprise_telemetry_gateway_enabled and not self.otel_sdk_disabled

    @property
    def origin(self) -> Origin:
        """What the environment had to do with it, for whoever tells people what is off."""
        return self._origin

    @property
    def service_name(self) -> str | None:
        """`enterprise_service_name` where somebody has set it."""
        given = "enterprise_service_name" in self.model_fields_set
        return self.enterprise_service_name if given else None

    @property
    def legacy_tree(self) -> bool:
        """With the gateway flag off, an endpoint of our own lets trace cases use the tree.

        An endpoint that only ``OTEL_...`` names is the host's and doesn't count.
        """
        return bool(self.enterprise_otlp_endpoint) and not self.otel_sdk_disabled

    def resolved_otlp(self) -> OtlpTarget | None:
        """The receiver to send to, or ``None`` where none is named.

        With the gateway flag off an endpoint that only ``OTEL_...`` names isn't used.
        """
        return self._target

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then our own reading of the environment. No file."""
        return init_settings, EnvironmentSource(settings_cls, given=init_settings())

    @field_validator("enterprise_telemetry_gateway_enabled", mode="before")
    @classmethod
    def _yes_or_off(cls, value: object) -> bool:
        return is_gateway_word(str(value))

    @field_validator("otel_sdk_disabled", mode="before")
    @classmethod
    def _true_or_not(cls, value: object) -> bool:
        return is_sdk_disabled(str(value))

    @field_validator("enterprise_otlp_endpoint")
    @classmethod
    def _usable_endpoint(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("enterprise_otlp_protocol") == "grpc" and value.strip():
            value = with_scheme(value)
        return check_url(value) if value.strip() else ""

    @field_validator("enterprise_otlp_protocol")
    @classmethod
    def _known_protocol(cls, value: str) -> str:
        protocol = value.strip().lower() or "http"
        if protocol not in ("http", "http/protobuf", "grpc"):
            raise ValueError("must be http or grpc")
        return "grpc" if protocol == "grpc" else "http"

    @field_validator("enterprise_otlp_headers")
    @classmethod
    def _readable_headers(cls, value: SecretStr) -> SecretStr:
        header_pairs(value.get_secret_value())
        return value

    @field_validator("enterprise_otlp_api_key")
    @classmethod
    def _sendable_key(cls, value: SecretStr) -> SecretStr:
        check_key(value.get_secret_value())
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(_REDIS_SCHEMES):
            raise ValueError(f"must start with {', '.join(_REDIS_SCHEMES)}")
        if value is not None and not _is_redis_address(value.get_secret_value()):
            raise ValueError("must be of the form redis://user:password@host:port/database")
        return value

    @model_validator(mode="wrap")
    @classmethod
    def _one_line(cls, values: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        origin = values.pop(ORIGIN, Origin()) if isinstance(values, dict) else Origin()
        know_settings(values)
        try:
            made = handler(values)
        except ValidationError as error:
            problem = as_written(first_problem(cls, error), origin.names)
        except SettingsError as error:  # of a part, or of several fields together
            problem = as_written(error, origin.names)
        else:
            made._origin = origin
            return made
        # Outside the handler, as in `Part`: the pydantic error holds secrets.
        raise problem

    def model_post_init(self, _context: object, /) -> None:
        """Resolve the receiver once, so that what is wrong with it is said at the start."""
        if self.transport == "celery" and self.celery.broker_url is None:
            raise SettingsError("celery.broker_url", allowed="must be set where transport=celery")
        texts = self._otlp_texts  # with what is wrong with the files, though nothing is sent
        if self.gateway_on or self.legacy_tree:
            self._target = resolve(texts, self.otlp)

    def half_named_otlp(self) -> str:
        """What to say where ``OTEL_...`` names an endpoint for some signals only; else ""."""
        return half_named(self._otlp_texts)

    @property
    def _otlp_texts(self) -> OtlpTexts:
        return OtlpTexts(
            endpoint=self.enterprise_otlp_endpoint,
            protocol=self.enterprise_otlp_protocol if self._protocol_is_given else "",
            headers=self.enterprise_otlp_headers,
            api_key=self.enterprise_otlp_api_key,
            otel=self.otel_exporter_otlp,
            files=header_files(
                self.enterprise_otlp_headers_file,
                self.enterprise_otlp_api_key_file,
                self.enterprise_otlp_headers,
                self.enterprise_otlp_api_key,
            ),
        )

    @property
    def _protocol_is_given(self) -> bool:
        return "enterprise_otlp_protocol" in self.model_fields_set


def _is_redis_address(url: str) -> bool:
    """Whether host, port and number of the database can be read. No word of *url* gets out."""
    try:
        parts = urlsplit(url)
        usable = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return usable and (
        parts.scheme == "unix" or parts.path.strip("/").isdecimal() or parts.path in ("", "/")
    )
