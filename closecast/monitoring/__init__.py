"""Watch the served model: its inputs and scores beside a reference, and what it lost by outcomes."""
