"""The vocabulary of the raw CRM export: its columns, those that it may have besides, its stages, and aliases of products."""

from closecast.deals.stages import HISTORY

RAW_COLUMNS: tuple[str, ...] = (
    "opportunity_id",
    "sales_agent",
    "product",
    "account",
    "deal_stage",
    "engage_date",
    "close_date",
    "close_value",
)
# Who leads the deal's agent and where, in exports that tell: people ask by them, no feature is made of them.
TEAM_COLUMNS: tuple[str, ...] = ("manager", "region")
BESIDES = (HISTORY, *TEAM_COLUMNS)  # what a deal may have besides
STAGES = ("Prospecting", "Engaging", "Won", "Lost")
CLOSED = ("Won", "Lost")
PRODUCT_ALIASES = {"GTXPro": "GTX Pro"}  # name in the export: name in the product list
