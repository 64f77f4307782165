"""What the rig's fleet tries a new worker with before it serves: `FLEET_NEW` holds their addresses."""

import os
import sys
import urllib.error
import urllib.request

TIMEOUT = 5.0


def main() -> None:
    for url in os.environ["FLEET_NEW"].split():
        try:
            with urllib.request.urlopen(f"{url}/work", timeout=TIMEOUT):
                pass
        except (OSError, urllib.error.HTTPError) as error:
            sys.exit(f"{url}/work: {error}")


if __name__ == "__main__":
    main()
