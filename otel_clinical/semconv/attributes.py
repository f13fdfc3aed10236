"""Keys of attributes, one constant each: ``attributes.MODEL_NAME == "clinical_ai.model.name"``."""

from otel_clinical.semconv._generated.attributes import *  # noqa: F403
