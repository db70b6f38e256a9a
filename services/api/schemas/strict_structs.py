"""OpenAPI schemas of msgspec structs as msgspec enforces them.

Litestar's own plugin drops bounds within unions, and ignores that structs forbid unknown fields.
"""

from typing import Any, cast

import msgspec
from litestar._openapi.schema_generation import SchemaCreator
from litestar._openapi.schema_generation.plugins.struct import StructSchemaPlugin
from litestar.openapi.spec import Schema
from litestar.typing import FieldDefinition

_REFERENCE = "#/components/schemas/{name}"


class StrictStructs(StructSchemaPlugin):
    """Litestar's plugin for the components, with the properties from msgspec's own schema."""

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:
        schema = super().to_openapi_schema(field_definition, schema_creator)
        struct = field_definition.type_
        _, components = msgspec.json.schema_components((struct,), ref_template=_REFERENCE)
        schema.properties = cast(dict[str, Any], components[struct.__name__]["properties"])
        if struct.__struct_config__.forbid_unknown_fields:
            schema.additional_properties = False
        return schema
