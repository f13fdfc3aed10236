"""Run the command line as a module: `python -m otel_clinical.cli`."""

from otel_clinical.cli import main

if __name__ == "__main__":
    main()
