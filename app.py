"""The web application: `python app.py` is `qa serve`, set up by the QA_ environment variables."""

import sys

from qa.cli.main import main

if __name__ == "__main__":
    sys.argv[1:] = ["serve"]
    main()
