"""``python -m speechsearch`` is the ``speechsearch`` command."""

from speechsearch.cli import main

main()
