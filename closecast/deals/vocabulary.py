"""The words of the raw CRM export: its columns, its stages, and the names that products also go by."""

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
PRODUCT_ALIASES = {"GTXPro": "GTX Pro"}  # as the export writes it: as the product list does
