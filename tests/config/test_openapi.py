"""The committed contract equals what the code serves."""

from pathlib import Path

from django.conf import settings
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema

CONTRACT = Path(settings.BASE_DIR) / "docs/openapi.yaml"


def test_the_committed_contract_is_current():
    schema = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(schema)
    served = OpenApiYamlRenderer().render(schema, renderer_context={}).decode()
    assert CONTRACT.read_text() == served, "Refresh it: ./run manage spectacular --file docs/openapi.yaml"
