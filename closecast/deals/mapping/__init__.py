"""Turns the columns and words of any CRM's export into those of the contract (closecast.deals.contract)."""
