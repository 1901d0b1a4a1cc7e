"""`python -m handspun` is `handspun`."""

from handspun.cli.app import main

main()
