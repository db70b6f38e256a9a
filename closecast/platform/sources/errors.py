"""What a source raises instead of an export."""


class SourceError(ValueError):
    """The source named by the user does not exist, cannot be reached or cannot be read as an export."""


class SourceAwayError(SourceError):
    """The source did not answer, or not as it should: the same question may succeed later."""


class MappingNeededError(SourceError):
    """The export was read, and only the user can say what some of its columns or stages mean."""
