"""The error of commands: a problem and its remedy."""


class CommandError(Exception):
    """A failure that the user can act on; `remedy` is the next thing to type or change."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"closecast: {self.problem}\n  remedy: {self.remedy}"
