"""A part of the settings: what all of them have in common, and the kinds of their fields."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.functional_validators import ModelWrapValidatorHandler

from telemetry_actors.errors import SettingsError
from telemetry_actors.redaction.redaction import know_settings
from telemetry_actors.settings._problem import first_problem

_YEAR_S = 31_536_000.0  # beyond what a wait on a lock can take on some systems
_MOST = 2**40  # beyond it a number is a slip of the pen, and deque's maxlen is not far

Seconds = Annotated[float, Field(gt=0, le=_YEAR_S, allow_inf_nan=False)]
SecondsOrZero = Annotated[float, Field(ge=0, le=_YEAR_S, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=_MOST)]
CountOrZero = Annotated[int, Field(ge=0, le=_MOST)]
MaxAge = Annotated[float | None, Field(gt=0, le=_YEAR_S, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
TextBytes = Annotated[int, Field(ge=64, le=_MOST)]  # room for a mark that says it was cut


class Part(BaseModel):
    """Base of all parts: frozen, no unknown key, one-line errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: ClassVar[str] = ""
    """Name of the field in `TelemetrySettings` that holds this part."""

    @model_validator(mode="wrap")
    @classmethod
    def _one_line(cls, values: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        know_settings(values)
        try:
            made = handler(values)
        except ValidationError as error:
            problem = first_problem(cls, error, prefix=cls.part)
        else:
            contradiction = made._contradiction()
            if contradiction is None:
                return made
            problem = SettingsError(cls.part, allowed=contradiction)
        # Not inside the except: the pydantic error holds the values, secrets included,
        # and must not travel along as __context__ (g30).
        raise problem

    def _contradiction(self) -> str | None:
        """What is wrong with two fields together, naming both and their values."""
        return None

    def _at_least(self, larger: str, smaller: str) -> str | None:
        high, low = getattr(self, larger), getattr(self, smaller)
        if high >= low:
            return None
        return f"{larger} ({high:g}) must be at least {smaller} ({low:g})"
