"""`python -m kiosk` is the command `kiosk`."""

from __future__ import annotations

from kiosk import module_bundle


def main() -> None:
    """Run the command; always leaves through `sys.exit`."""
    module_bundle.use()
    from kiosk import cli  # noqa: PLC0415

    cli.main()


if __name__ == "__main__":
    main()
