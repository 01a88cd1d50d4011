"""`python -m shelftalker`: the command line, for torchrun and for environments without its script."""

import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

from shelftalker.cli import main

if os.environ.get("RANK", "0") == "0":
    sys.exit(main())
# Under torchrun the first process prints the results; errors come from each.
with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
    code = main()
sys.exit(code)
