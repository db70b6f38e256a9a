"""What the double for the API answers."""

from datetime import date
from typing import Any

AS_OF = date(2017, 12, 1)
AGENTS = ("Ada Berg", "Carl Dahl", "Eva Falk")
PRODUCTS = ("GTX Basic", "GTX Pro", "MG Special")
NO_MODEL = (503, {"title": "The service cannot answer this now", "detail": "no model serves yet: none is registered"})
MODEL = {
    "name": "closecast",
    "version": "3",
    "alias": "champion",
    "kind": "model",
    "trained_at": "2018-01-02T03:04:05+00:00",
    "source": "synthetic",
    "source_sha256": "a" * 64,
    "data_as_of": str(AS_OF),
    "currency": None,
    "rows": {},
    "note": "",
    "metrics": {"log_loss_quarter_end": 0.412, "log_loss_30_days": 0.305, "auc_30_days": None},
    "reference_metrics": {"base_rate_log_loss_quarter_end": 0.523, "base_rate_log_loss_30_days": 0.367},
    "features": ["age_days", "horizon_days"],
    "git_commit": None,
}

EXPLANATION = {
    "probability": 0.62,
    "request_id": "r2",
    "base": {"probability": 0.5, "sentence": "The starting point is a deal engaged today: 50 % are won."},
    "groups": [
        {"name": name, "title": title, "points": points, "sentence": sentence}
        for name, title, points, sentence in (
            (
                "age",
                "How long the deal has been open",
                -0.031,
                "The deal has been open for 30 days; this lowers the chance.",
            ),
            ("course", "How deals of this age go", 0.151, "As past deals went, 66 % are won; this raises the chance."),
            ("product", "The product and its price", 0.0, "The product is what it is; this hardly changes the chance."),
        )
    ],
    "features": [],
}


DEAL = {
    "opportunity_id": "D01",
    "sales_agent": "Carl Dahl",
    "product": "GTX Pro",
    "account": "Account 1",
    "engage_date": "2017-11-24",
    "state": "open",
    "close_date": None,
    "close_value": None,
    "past": [
        {"as_of": "2017-11-24", "by": "2017-12-31", "probability": 0.6},
        {"as_of": "2017-12-01", "by": "2017-12-31", "probability": 0.62},
    ],
}
OUTLOOK = {
    "age_days": 7,
    "probability": 0.62,
    "price": 4_000.0,
    "curve": [
        {"as_of": "2017-12-01", "by": "2017-12-08", "probability": 0.1},
        {"as_of": "2017-12-01", "by": "2017-12-31", "probability": 0.62},
    ],
    "base": EXPLANATION["base"],
    "groups": EXPLANATION["groups"],
    "alike": {
        "of": 104,
        "won": 38,
        "lost": 12,
        "same_phase": True,
        "deals": [
            {
                "opportunity_id": f"P{at}",
                "sales_agent": "Ada Berg",
                "product": "GTX Pro",
                "account": None,
                "on": "2017-09-01",
                "stage": stage,
                "closed_after_days": days,
            }
            for at, (stage, days) in enumerate((("Won", 9), ("Lost", 1), ("Engaging", None)))
        ],
    },
}
OPINION = {
    "opportunity_id": "D01",
    "expects": "lower",
    "reason": "![x](http://192.0.2.1/x.png) left",
    "by_whom": "bob",
    "told_at": "2017-12-01T09:00:00+00:00",
    "as_of": "2017-12-01",
    "by": "2017-12-31",
    "probability": 0.62,
    "model_version": "3",
}


ANSWERED = {
    "version": "3",
    "run_id": "run-3",
    "run": "http://mlflow.example/#/runs/run-3",
    "predictions": 1_300,
    "judged": {
        "predictions": 160,
        "deals": 105,
        "won": 59,
        "log_loss": 0.6512,
        "expected_log_loss": 0.6498,
        "calibration_error": 0.0213,
        "bins": [
            {"low": 0.1, "high": 0.2, "deals": 5, "won": 1, "mean_probability": 0.14},
            {"low": 0.6, "high": 0.7, "deals": 100, "won": 58, "mean_probability": 0.604},
        ],
    },
    "waiting": {"predictions": 1_100, "first": "2018-03-01", "last": "2018-03-31"},
    "not_judged": 40,
    "champion": {
        "since": "2018-01-02T03:04:05+00:00",
        "until": None,
        "how": "promoted",
        "by": "flow train/[otter](x)",
        "decision": "its log loss is below the champion's",
    },
}


CHAMPIONS = [
    {
        "version": version,
        "run_id": f"run-{version}",
        "run": f"http://mlflow.example/#/runs/run-{version}",
        "champion": {
            "since": since,
            "until": until,
            "how": how,
            "by": "flow train",
            "decision": "its log loss is lower",
        },
    }
    for version, since, until, how in (
        ("3", "2018-01-02T03:04:05+00:00", None, "promoted"),
        ("2", "2018-01-01T03:04:05+00:00", "2018-01-02T03:04:05+00:00", "rolled back"),
        ("1", "2017-12-01T03:04:05+00:00", "2018-01-01T03:04:05+00:00", "seen"),
    )
]
PLAN: dict[str, Any] = {
    "done": False,
    "champion": {"version": "3", "run_id": "run-3", "sha256": "a"},
    "target": {"version": "2", "run_id": "run-2", "sha256": "b"},
    "objections": [],
    "notes": ["its deals are a week older"],
}
SILENCE: dict[str, Any] = {
    "number": 3,
    "rule": "data_quality",
    "labels": {"key": "crm"},
    "until": "2026-11-29T12:00:00+00:00",
    "who": "bob",
    "why": "being repaired",
}
SAID = {
    "number": 4,
    "day": "2018-01-31",
    "verdict": "steady",
    "reasons": ["open deals look as they did", "1,200 predictions with outcomes prove no harm"],
    "version": "3",
    "run_id": "run-3",
    "said_at": "2018-02-01T06:30:00+00:00",
    "reports": "http://mlflow.example/#/runs/reports-4",
    "figures": {
        "looks": {
            "open": {
                "state": "drift",
                "columns": [
                    {
                        "name": name,
                        "state": state,
                        "distance": distance,
                        "threshold": 0.1,
                        "mean": 40.0,
                        "reference_mean": 30.0,
                        "missing": 0.0,
                    }
                    for name, state, distance in (
                        ("price", "not judged", None),
                        ("age_days", "drift", 0.2),
                        ("days_to_quarter_end", "stable", 0.05),
                    )
                ],
            }
        },
        "months": [
            {
                "month": "2018-01",
                "deals": 400,
                "predictions": 1_200,
                "log_loss": 0.41,
                "expected_log_loss": 0.4,
                "share_won": 0.2,
                "mean_probability": 0.21,
            }
        ],
    },
}


USER = {
    "name": "ada",
    "role": "scorer",
    "state": "active",
    "created_by": "bootstrap",
    "created_at": "2026-11-01T09:00:00+00:00",
    "password_changed_at": "2026-11-02T09:00:00+00:00",
}


KEY = {
    "id": "aaaaaaaaaaaa",
    "name": "nightly scoring",
    "role": "scorer",
    "state": "active",
    "created_by": "user:ada",
    "created_at": "2026-11-01T09:00:00+00:00",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": "2026-11-02T09:30:00+00:00",
}
ACT = {
    "seq": 1,
    "at": "2026-11-01T09:00:00+00:00",
    "actor": "user:ada",
    "act": "key created",
    "subject": "key aaaaaaaaaaaa",
    "details": {},
    "request_id": None,
    "sha256": "ab",
}

FORECAST: dict[str, Any] = {
    "as_of": "2017-12-01",
    "quarter": {"start": "2017-10-01", "end": "2017-12-31"},
    "model": {"name": "closecast", "version": "3"},
    "closed": {"wins": 700.0, "value": 1_700_000.5},
    "open": {"wins": 270.5, "value": 650_000.25},
    "new": {"wins": 60.5, "value": 150_000.25},
    "total": 2_500_001.0,
    "low": 2_400_000.0,
    "high": 2_600_000.0,
    "coverage": 0.8,
    "learnt_from": 120,
    "group_columns": ["product", "sales_agent"],
    "groups": [
        {
            "name": name,
            "closed": {"wins": 350.0, "value": closed},
            "open": {"wins": 1.0, "value": 1_000.0},
            "new": {"wins": 1.0, "value": 500.0},
            "total": closed + 1_500.0,
        }
        for name, closed in (("GTX Pro", 1_000_000.0), ("GTX Basic", 700_000.5))
    ],
    "change": {
        "since": "2017-11-24",
        "before": 2_450_000.0,
        "model": 0.0,
        "time": -60_000.0,
        "calendar": -10_000.0,
        "won": 140_000.0,
        "lost": -40_000.0,
        "engaged": 20_001.0,
        "after": 2_500_001.0,
    },
    "last_quarter": 2_000_000.0,
    "clean_up": {"older_than_days": 138, "deals": 775, "worth": 2_048_590.72, "adds": 161.82},
    "past": [
        {
            "as_of": day,
            "by": "2017-09-30",
            "total": 2_000_000.0,
            "low": 1_900_000.0,
            "high": high,
            "actual": 2_050_000.0,
            "recorded": False,
        }
        for day, high in (("2017-09-03", 2_100_000.0), ("2017-09-10", 2_040_000.0))
    ]
    + [
        {
            "as_of": "2017-11-26",
            "by": "2017-12-31",
            "total": 2_450_000.0,
            "low": 2_300_000.0,
            "high": 2_600_000.0,
            "actual": None,
            "recorded": True,
        }
    ],
}

VERSIONS = [
    {
        "version": version,
        "run_id": f"run-{version}",
        "run": f"http://mlflow.example/#/runs/run-{version}",
        "made_at": "2018-01-02T03:04:05+00:00",
        "kind": "model",
        "data_as_of": "2017-12-01",
        "decision": decision,
        "reasons": reasons,
        "decided_by": "flow train/owl",
        "role": role,
    }
    for version, decision, reasons, role in (
        ("4", "refused", "quarter_end: not clearly better", "challenger"),
        ("3", "promoted", "it is better", "champion"),
        ("2", None, None, None),
    )
]
EVALUATION: dict[str, Any] = {
    "version": "3",
    "run_id": "run-3",
    "promoted": True,
    "checks": [
        {"sentence": "30_days: clearly better than [x](http://192.0.2.1/)", "passed": True},
        {"sentence": "quarter_end: not clearly better", "passed": False},
    ],
    "targets": [
        {
            "target": target,
            "rows": 200,
            "share_won": 0.2,
            "log_loss": {
                name: {"value": loss, "low": loss - 0.01, "high": loss + 0.01}
                for name, loss in (("candidate", 0.3123), ("base_rate", 0.4))
            },
            "reliability": [{"predicted": 0.1, "won": 0.12, "rows": 100}, {"predicted": 0.4, "won": 0.35, "rows": 100}],
            "gain": [{"share": 0.5, "found": 0.8}, {"share": 1.0, "found": 1.0}],
        }
        for target in ("30_days", "quarter_end")
    ],
}
OPERATIONS: dict[str, Any] = {
    "instance": "127.0.0.1:8000",
    "since": "2018-01-02T03:04:05+00:00",
    "model_version": "3",
    "model_problem": None,
    "dependencies": [
        {"name": "model registry", "milliseconds": 4.25, "problem": None},
        {"name": "cache", "milliseconds": 0.5, "problem": None},
    ],
    "routes": [{"route": "/v1/predictions", "requests": 1_000, "failed": 1, "median_ms": 1.0, "p99_ms": 5.0}],
    "figures": {"journal_waiting": 0.0},
    "runs": [
        {
            "flow": "train",
            "name": "sunny-owl",
            "state": state,
            "message": message,
            "started_at": started,
            "ended_at": "2018-01-02T03:10:00+00:00",
            "page": "http://127.0.0.1:4200/runs/flow-run/a",
        }
        for state, message, started in (
            ("completed", "All states completed.", "2018-01-02T03:09:30+00:00"),
            ("crashed", "Its process is gone.", None),
        )
    ],
}
