"""`python -m flasky` is the command `flasky`."""

from flasky.cli import main

if __name__ == "__main__":
    main(prog_name="flasky")
