"""`python -m kpilayer` is the command line."""

from kpilayer.cli.main import main

if __name__ == "__main__":
    main()
