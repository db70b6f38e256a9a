"""What the platform of benchmarks/simulate.py has written into its database."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import psycopg


@dataclass(frozen=True)
class Records:
    """Reads the database `closecast` as its owner. Every method raises psycopg.Error."""

    connection: "psycopg.Connection[Any]"

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def recorded(self, batch: str) -> int:
        """How many predictions of the batch with this id the journal has stored."""
        return self._count("SELECT count(*) FROM predictions WHERE id = %s", batch)

    def is_retraining(self) -> bool:
        """Whether a retraining is open."""
        return self._count("SELECT count(*) FROM retrainings WHERE state = 'open'") > 0

    def unscored(self, shadow_run: str) -> int:
        """How many batches of predictions the model of this run, in shadow, has not scored, those that are not closed yet included.

        Its scoring begins with the batch that was open when it came into shadow: 1 before that.
        """
        query = """
            SELECT coalesce((
                SELECT count(*) FROM archive_batches WHERE number > done AND EXISTS (SELECT FROM predictions WHERE batch = number)
            ), 0) FROM shadow_positions WHERE model_run_id = %s
        """
        row = self.connection.execute(query, [shadow_run]).fetchone()
        return 1 if row is None else int(row[0])

    def retrainings(self) -> list[dict[str, Any]]:
        """The retrainings: number, state, requested_at, reason, result."""
        names = ("number", "state", "requested_at", "reason", "result")
        rows = self.connection.execute(f"SELECT {', '.join(names)} FROM retrainings ORDER BY number").fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]

    def changes(self) -> list[tuple[str, str, str]]:
        """Promotions and rollbacks by outcomes: kind, version, evidence in a sentence."""
        rows = self.connection.execute(
            "SELECT kind, version, sentence FROM champion_changes WHERE state = 'done' ORDER BY number"
        ).fetchall()
        return [(str(kind), str(version), str(sentence)) for kind, version, sentence in rows]

    def alerts(self, after: int) -> list[tuple[int, str, str, str]]:
        """The alerts that were opened after the one of this number: number, rule, severity, summary."""
        rows = self.connection.execute(
            "SELECT id, rule, severity, summary FROM alerts WHERE id > %s ORDER BY id", [after]
        ).fetchall()
        return [(int(number), str(rule), str(severity), str(summary)) for number, rule, severity, summary in rows]

    def predictions(self) -> pd.DataFrame:
        """Every recorded prediction: deal, as_of, version, probability and features (bytes, first of the horizon asked about)."""
        rows = self.connection.execute(
            "SELECT opportunity_id, as_of, model_version, probability, features FROM predictions"
        ).fetchall()
        return pd.DataFrame(rows, columns=["deal", "as_of", "version", "probability", "features"])

    def _count(self, query: str, *values: Any) -> int:
        row = self.connection.execute(query, values).fetchone()
        assert row is not None
        return int(row[0])
