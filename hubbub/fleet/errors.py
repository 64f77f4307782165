"""What goes wrong in a fleet and is foreseen."""


class FleetError(Exception):
    """Something could not be done; the message is a sentence for the operator."""
