"""What Railway's published schema says of each operation that the driver sends.

The driver's documents stand in its source. Here graphql-core holds each of them against the schema and writes down,
from the schema's types alone, what may be sent with it and answered to it: ``tests/fixtures/railway/operations.json``,
by which the C++ tests check every request and every answer. ``python tests/oracles/railway_operations.py`` writes it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    parse,
    type_from_ast,
    validate,
)

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "cpp" / "src" / "drivers" / "railway" / "operations.cpp"
SCHEMA = ROOT / "tests" / "fixtures" / "railway" / "schema.graphql"
OPERATIONS = ROOT / "tests" / "fixtures" / "railway" / "operations.json"

Json = dict[str, Any]

SCALARS: dict[str, Json] = {
    "Boolean": {"type": "boolean"},
    "DateTime": {"type": "string"},
    "Float": {"type": "number"},
    "ID": {"type": "string"},
    "Int": {"type": "integer"},
    "String": {"type": "string"},
    "DeploymentMeta": {"type": "object"},
    "EnvironmentConfig": {"type": "object"},
}


def only(key: str, value: Json) -> Json:
    """An object with one key that must be there."""
    return {"type": "object", "properties": {key: value}, "required": [key]}


def each(value: Json) -> Json:
    """An object of any keys."""
    return {"type": "object", "additionalProperties": value}


# Railway takes any key of a patch in silence. Of its settings the driver may send this one alone, with what the
# reference of config as code has for it.
COUNT = {"type": "integer", "minimum": 0, "maximum": 50}
REGIONS = each(only("numReplicas", COUNT))
PATCH = only("services", each(only("deploy", only("multiRegionConfig", REGIONS))))

ERRORS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "message": {"type": "string"},
            "path": {"type": "array", "items": {}},
            "extensions": {"type": "object"},
        },
        "required": ["message"],
    },
}


def schema() -> GraphQLSchema:
    """The published one."""
    return build_schema(SCHEMA.read_text())


def documents() -> list[str]:
    """Every document of the driver, as it sends it."""
    return re.findall(r'R"graphql\((.*?)\)graphql"', SOURCE.read_text(), re.DOTALL)


def problems(document: str) -> list[str]:
    """What is wrong with one by the schema."""
    return [error.message for error in validate(schema(), parse(document))]


def operations() -> Json:
    """For each document what may be sent and answered, in the form of the C++ tests' OpenAPI checks."""
    paths = {}
    for document in documents():
        tree = parse(document)
        operation = operation_of(tree)
        assert operation.name is not None
        paths[f"/graphql/v2/{operation.name.value}"] = {
            "post": {
                "parameters": [],
                "requestTypes": ["application/json"],
                "request": {
                    "type": "object",
                    "properties": {"query": {"enum": [document]}, "variables": variables_of(operation)},
                    "required": ["query", "variables"],
                },
                "responses": {"200": answer_of(operation)},
            }
        }
    return {"paths": paths}


def operation_of(tree: DocumentNode) -> OperationDefinitionNode:
    """The one operation of a document."""
    (operation,) = tree.definitions
    assert isinstance(operation, OperationDefinitionNode)
    return operation


def variables_of(operation: OperationDefinitionNode) -> Json:
    """The variables that it declares."""
    properties, required = {}, []
    for variable in operation.variable_definitions or ():
        name = variable.variable.name.value
        kind = type_from_ast(schema(), variable.type)
        properties[name] = PATCH if name == "patch" and "EnvironmentConfig" in str(kind) else type_of(kind)
        if isinstance(kind, GraphQLNonNull):
            required.append(name)
    return {"type": "object", "properties": properties, "required": required}


def answer_of(operation: OperationDefinitionNode) -> Json:
    """Its data, and the refusals."""
    known = schema()
    root = known.mutation_type if operation.operation is OperationType.MUTATION else known.query_type
    data = {**selected(root, operation.selection_set.selections), "nullable": True}
    return {"type": "object", "properties": {"data": data, "errors": ERRORS}, "required": ["data"]}


def selected(kind: GraphQLObjectType | None, selections: Any) -> Json:
    """An object with the fields that are asked for, and no others."""
    assert kind is not None
    properties = {}
    for field in selections:
        assert isinstance(field, FieldNode)
        inner = field.selection_set.selections if field.selection_set else ()
        properties[field.name.value] = type_of(kind.fields[field.name.value].type, inner)
    return {"type": "object", "properties": properties, "required": list(properties)}


def type_of(kind: Any, selections: Any = ()) -> Json:
    """One type of the schema; what is not marked may be null."""
    if isinstance(kind, GraphQLNonNull):
        found = type_of(kind.of_type, selections)
        del found["nullable"]
        return found
    if isinstance(kind, GraphQLList):
        return {"type": "array", "items": type_of(kind.of_type, selections), "nullable": True}
    if isinstance(kind, GraphQLEnumType):
        return {"enum": sorted(kind.values), "nullable": True}
    if isinstance(kind, GraphQLScalarType):
        return {**SCALARS[kind.name], "nullable": True}
    assert not isinstance(kind, GraphQLInputObjectType), "no operation takes one"
    return {**selected(kind, selections), "nullable": True}


def text() -> str:
    """The fixture."""
    return json.dumps(operations(), indent=1) + "\n"


if __name__ == "__main__":
    OPERATIONS.write_text(text())
