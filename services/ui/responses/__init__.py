"""The API's responses as typed objects, with only the members that this page shows."""
