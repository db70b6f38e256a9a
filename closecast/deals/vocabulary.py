"""The vocabulary of the raw CRM export: its columns, its stages, and the aliases of products."""

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
STAGES = ("Prospecting", "Engaging", "Won", "Lost")
CLOSED = ("Won", "Lost")
PRODUCT_ALIASES = {"GTXPro": "GTX Pro"}  # name in the export: name in the product list
