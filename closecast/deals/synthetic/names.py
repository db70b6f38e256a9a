"""Names in synthetic deals: agents, accounts, products with their shares and prices, and identifiers."""

import numpy as np
from numpy.typing import NDArray

# Shares of the deals and list prices, as shared/data/README.md's files have them; GTXPro is the export's own spelling.
_PRODUCTS = {
    "GTX Basic": (0.212, 550),
    "MG Special": (0.188, 55),
    "GTXPro": (0.168, 4_821),
    "MG Advanced": (0.160, 3_393),
    "GTX Plus Basic": (0.157, 1_096),
    "GTX Plus Pro": (0.110, 5_482),
    "GTK 500": (0.005, 26_768),
}
PRODUCTS = tuple(_PRODUCTS)
_shares = np.array([share for share, _ in _PRODUCTS.values()])
PRODUCT_SHARES = _shares / _shares.sum()
PRICES = np.array([price for _, price in _PRODUCTS.values()])
_AGENTS = [
    f"{first} {last}"
    for first in ("Ada", "Boris", "Carmen", "Dilip", "Elif", "Femi")
    for last in ("Abbott", "Berg", "Castro", "Dahl", "Egan")
]
_ACCOUNTS = [
    f"{name} {form}"
    for name in (
        "Alder",
        "Birch",
        "Cedar",
        "Damson",
        "Elder",
        "Fir",
        "Gorse",
        "Hazel",
        "Ivy",
        "Juniper",
        "Larch",
        "Maple",
        "Nettle",
        "Oak",
        "Pine",
        "Quince",
        "Rowan",
    )
    for form in ("Foods", "Group", "Labs", "Logistics", "Works")
]
_SIGNS = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", dtype=np.uint8)
_LENGTH = 8


def agent_names(count: int) -> list[str]:
    """`count` distinct names of sales agents; a larger count extends the list of a smaller one."""
    return _numbered(_AGENTS, count)


def account_names(count: int) -> list[str]:
    """`count` distinct names of accounts; a larger count extends the list of a smaller one."""
    return _numbered(_ACCOUNTS, count)


def identifiers(first: int, count: int, start: int) -> NDArray[np.object_]:
    """Eight letters or digits for each of the deals `first` to `first + count`, distinct up to 36^8 deals. Text."""
    # A step coprime to the range visits every number once: distinct without remembering earlier draws.
    size, step = len(_SIGNS) ** _LENGTH, 1_000_003
    numbers = (start + step * (first + np.arange(count))) % size
    places = (numbers[:, None] // len(_SIGNS) ** np.arange(_LENGTH - 1, -1, -1)) % len(_SIGNS)
    return np.asarray(_SIGNS[places].view(f"S{_LENGTH}")[:, 0].astype(f"U{_LENGTH}"), dtype=object)


def _numbered(names: list[str], count: int) -> list[str]:
    return [f"{names[k % len(names)]} {k // len(names) + 1}" if k >= len(names) else names[k] for k in range(count)]
