"""The exploratory report of an export, as one self-contained page of HTML."""
