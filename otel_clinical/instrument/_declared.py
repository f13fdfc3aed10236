"""Values that may appear in telemetry: only what somebody declared, everything else becomes `_OTHER`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from otel_clinical._spelling import did_you_mean
from otel_clinical.semconv import AGGREGATE, OTHER, SEGMENT_ATTRIBUTES
from otel_clinical.semconv.enums import SegmentName

from ._misuse import entries
from ._names import CODE, Names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from otel_clinical.features import FeatureSet

MAX_VALUES: Final = 200
_UNDECLARED: Final = (
    "an inference or record names {} that the policy does not declare (declared: {}); _OTHER leaves in its "
    "place, which the drift processor will not take: correct the name, or declare it"
)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/+@-]{0,63}\Z")
_ALLOWED = "letters, digits or any of _ . : / + @ -, with a letter, digit or _ first"


class DeclaredValues:
    """Allowed values per attribute key; declaring again adds."""

    def __init__(self) -> None:
        self.texts: dict[str, dict[str, str]] = {}
        """Allowed texts by attribute key."""

    def declare(self, key: str, values: Iterable[str]) -> None:
        """Allow `values` for the attribute `key`.

        Raises:
            ValueError: a value is no short string, or there are more than 200 of one key.
        """
        if isinstance(values, str):
            raise ValueError(f"{key}: {values!r} is one string, expected a list of values")  # noqa: TRY004
        allowed = dict(self.texts.get(key, {}))
        for value in values:
            text = _checked(key, value)
            allowed[text] = text
        if len(allowed) > MAX_VALUES:
            raise ValueError(f"{key}: {len(allowed)} values, expected at most {MAX_VALUES}; group them")
        self.texts[key] = allowed

    def allowed(self, key: str) -> tuple[str, ...]:
        """Return the declared values of a key."""
        return tuple(self.texts.get(key, ()))

    def admit(self, key: str, value: object) -> str:
        """Return the declared value, or `_OTHER`."""
        text = plain_text(value)
        if text is None:
            return OTHER
        return self.texts.get(key, {}).get(text, OTHER)


class DeclaredModels:
    """Versions per model as the policy declares them; until it does, those that code declares."""

    def __init__(self) -> None:
        self._versions: dict[str, tuple[str, ...]] = {}
        self._names = Names()
        self.any = False
        """Whether any model is declared."""

    def declare(self, model: str, versions: Iterable[str]) -> None:
        """Allow versions of a model; declaring again adds."""
        self.any = True
        found = tuple(dict.fromkeys((*self._versions.get(model, ()), *versions)))
        self._versions[model] = found
        self._names.declare(model, *found)

    def allowed(self, key: str) -> Collection[str]:
        """Return the names of models or of versions that may leave: those of the policy alone, where there is one."""
        return (self._names if self.any else CODE).allowed(key)

    def admit(self, model: str, version: str) -> tuple[str, str]:
        """Return both names, each as `_OTHER` where there is a policy that does not declare it."""
        known = self._versions.get(model)
        if not self.any or (known is not None and version in known):
            return model, version
        return (OTHER if known is None else model), OTHER

    def problem(self, model: str, version: str) -> tuple[str, str] | None:
        """Return name and sentence of what is not declared, None when all is; the sentence has declared names only."""
        if not self.any or OTHER in (model, version):
            return None
        known = self._versions.get(model)
        if known is None:
            return "UndeclaredModel", _UNDECLARED.format("a model", ", ".join(self._versions))
        if version not in known:
            return "UndeclaredVersion", _UNDECLARED.format(f"a version of model {model}", ", ".join(known))
        return None


class DeclaredFeatures:
    """The features of each model, as the policy declares them."""

    def __init__(self) -> None:
        self._sets: dict[str, FeatureSet] = {}

    def declare(self, model: str, features: FeatureSet) -> None:
        """Let the inferences of a model carry the bins of `features`; of none, when there are none."""
        if features.features:
            self._sets[model] = features
        else:
            self._sets.pop(model, None)

    def of(self, model: str) -> FeatureSet | None:
        """Return the features of a model; None without any."""
        return self._sets.get(model)


def segment_key(name: str) -> tuple[SegmentName, str]:
    """Return a segment's name and attribute key; raise `ValueError` for a name outside the closed set."""
    try:
        found = SegmentName(name)
    except ValueError:
        meant = did_you_mean(str(name), SegmentName) or ":"
        raise ValueError(f"segment {name!r}{meant} expected one of {', '.join(SegmentName)}") from None
    return found, SEGMENT_ATTRIBUTES[found]


def declare_segment_values(declared: DeclaredValues, values: Mapping[str, Iterable[str]]) -> None:
    """Allow the values of several segments, all or none."""
    given = entries("segment values", values, '{"payer": ["medicaid", "medicare"]}')
    keyed = {
        segment_key(name)[1]: allowed if isinstance(allowed, str) else list(allowed) for name, allowed in given.items()
    }
    trial = DeclaredValues()
    for key, allowed in keyed.items():
        trial.declare(key, allowed)
    for key, allowed in keyed.items():
        declared.declare(key, allowed)


def plain_text(value: object) -> str | None:
    """Return a string or whole number as exact `str`, None for everything else; run no code of the value."""
    if type(value) is str:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if type(value) is int:
        return str(value)
    return None


def identifier(value: object) -> str | None:
    """Return a model name, version or task name if it looks like one, else None."""
    text = plain_text(value)
    return text if text is not None and _NAME.match(text) else None


def checked_identifier(what: str, value: object) -> str:
    """Return `value` as an identifier; raise `ValueError` for a developer's mistake."""
    text = identifier(value)
    if text is None:
        shown = value if isinstance(value, str) else type(value).__qualname__
        raise ValueError(f"{what} is {shown!r}, expected 1 to 64 {_ALLOWED}")
    return text


def _checked(key: str, value: object) -> str:
    text = identifier(value)
    if text is None or text == AGGREGATE:
        shown = value if isinstance(value, str) else type(value).__qualname__
        raise ValueError(f"{key}: value {shown!r}, expected 1 to 64 {_ALLOWED}; {AGGREGATE!r} stands for the aggregate")
    return text
