"""What goes wrong in a fleet and is foreseen."""


class FleetError(Exception):
    """Something could not be done; the message is a sentence for the operator."""


class BusyError(FleetError):
    """Not now: something else that changes the fleet is going on."""
