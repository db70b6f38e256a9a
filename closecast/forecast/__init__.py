"""The forecast of a quarter's won revenue, how it changed, and how past forecasts did."""
