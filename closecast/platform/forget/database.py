"""The room of a PostgreSQL database: every column of every table that can hold text."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from closecast.platform import database
from closecast.platform.forget import contents
from closecast.platform.forget.matcher import Matcher
from closecast.platform.forget.places import APPEND_ONLY, TABLES, database_place
from closecast.platform.forget.room import ForgetError

_COLUMNS = """
    SELECT table_schema, table_name, column_name, CASE data_type WHEN 'ARRAY' THEN udt_name ELSE data_type END
    FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')
    AND is_generated = 'NEVER' ORDER BY table_schema, table_name, ordinal_position
"""
# How text is turned into each type of column that can hold it; arrays have the names that PostgreSQL gives them.
_CASTS = {
    "text": "",
    "character varying": "",
    "character": "",
    "json": "::json",
    "jsonb": "::jsonb",
    "xml": "::xml",
    "bytea": "::bytea",
    "_text": "::text[]",
    "_varchar": "::varchar[]",
}
_NUMBERS = {("predictions", "features")}  # bytes that are no text
_OWN = "closecast"
_AT_ONCE = 500  # rows


@dataclass(frozen=True)
class _Table:
    schema: str
    name: str
    columns: dict[str, str]  # type by name

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


class Database:
    """The database at `url`, postgresql://owner:password@host:port/database."""

    def __init__(self, url: str) -> None:
        self._url, self._name = url, url.rpartition("/")[2]

    def count(self, matcher: Matcher) -> Counter[str]:
        """Each table is read as of one moment."""
        found: Counter[str] = Counter()
        with _answered(self._name), database.connect(self._url) as connection:
            for table in _tables(connection):
                for _, values in _rows(connection, table, matcher):
                    found[self._place(table)] += sum(_count(one, matcher) for one in values)
        return found

    def clear(self, matcher: Matcher) -> Counter[str]:
        """In one transaction. Changed tables are written anew afterwards: their old rows go with their old files."""
        done: Counter[str] = Counter()
        written = []
        with _answered(self._name), database.connect(self._url) as connection:
            with connection.transaction():
                for table in _tables(connection):
                    if self._name == _OWN and table.name in APPEND_ONLY:
                        continue
                    number, rows = self._cleared(connection, table, matcher)
                    done[self._place(table)] += number
                    if rows:
                        written.append(table)
            for table in written:
                connection.execute(sql.SQL("VACUUM (FULL) {}").format(table.identifier))
        return done

    def _cleared(self, connection: "psycopg.Connection[Any]", table: _Table, matcher: Matcher) -> tuple[int, int]:
        """The values that were replaced in the table, and the rows that were written."""
        number = rows = 0
        # All rows first: an update moves a row to another place.
        for row, values in list(_rows(connection, table, matcher, also=tuple(matcher.renamed))):
            new = {}
            for (name, kind), value in zip(table.columns.items(), values, strict=True):
                after, found = _changed(value, matcher)
                number += found
                if after != value:
                    new[name] = kind, after
            if not new:
                continue
            rows += 1
            assignments = sql.SQL(", ").join(
                sql.SQL("{} = %s{}").format(sql.Identifier(name), sql.SQL(_CASTS[kind]))
                for name, (kind, _) in new.items()
            )
            statement = sql.SQL("UPDATE {} SET {} WHERE ctid = %s::tid").format(table.identifier, assignments)
            connection.execute(statement, [*(value for _, value in new.values()), row])
        return number, rows

    def _place(self, table: _Table) -> str:
        if self._name != _OWN:
            return database_place(self._name)
        return TABLES.get(table.name, f"database {_OWN}: {table.name}")


def _tables(connection: "psycopg.Connection[Any]") -> list[_Table]:
    found: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, kind in connection.execute(_COLUMNS):
        if kind in _CASTS and (table, column) not in _NUMBERS:
            found.setdefault((str(schema), str(table)), {})[str(column)] = str(kind)
    return [_Table(*name, columns) for name, columns in found.items()]


def _rows(
    connection: "psycopg.Connection[Any]", table: _Table, matcher: Matcher, also: tuple[str, ...] = ()
) -> Iterator[tuple[str, list[str | bytes | None]]]:
    """Rows that may hold a value, or one of the texts `also`: where each is, and its columns as text, or bytes."""
    words = [*matcher.forms, *also]
    patterns = [f"%{_literal(one)}%" for one in words]
    octets = [one.encode("utf-8", "surrogatepass") for one in words]
    shown: list[sql.Composable] = []
    conditions: list[sql.Composable] = []
    parameters: list[list[str] | list[bytes]] = []
    for name, kind in table.columns.items():
        column = sql.Identifier(name)
        if kind == "bytea":
            shown.append(column)
            conditions.append(
                sql.SQL("EXISTS (SELECT FROM unnest(%s::bytea[]) AS one WHERE position(one IN {}) > 0)").format(column)
            )
            parameters.append(octets)
        else:
            shown.append(sql.SQL("{}::text").format(column))
            conditions.append(sql.SQL("{}::text LIKE ANY (%s::text[])").format(column))
            parameters.append(patterns)
    query = sql.SQL("SELECT ctid::text, {} FROM {} WHERE {}").format(
        sql.SQL(", ").join(shown), table.identifier, sql.SQL(" OR ").join(conditions)
    )
    with connection.transaction(), connection.cursor("forget") as cursor:
        cursor.itersize = _AT_ONCE
        for row, *values in cursor.execute(query, parameters):
            yield row, values


def _count(value: str | bytes | None, matcher: Matcher) -> int:
    if value is None:
        return 0
    return contents.count(value, matcher) if isinstance(value, bytes) else matcher.count(value)


def _changed(value: str | bytes | None, matcher: Matcher) -> tuple[str | bytes | None, int]:
    if value is None:
        return None, 0
    if isinstance(value, str):
        return matcher.replace(value)
    try:
        return contents.replaced(value, matcher)
    except contents.FixedError:
        return value, 0  # the search afterwards says so


def _literal(text: str) -> str:
    """`text` without a special meaning in LIKE, and without U+0000, which no text of PostgreSQL holds."""
    return text.replace("\0", "").replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


@contextmanager
def _answered(name: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ForgetError(f"the database {name} failed: {reason}") from error
