"""Start the `bmi` command: Ctrl-C while it is still being imported is no traceback either."""

import sys


def main() -> None:
    """Run the command."""
    try:
        from bmi_app import collector, own_python

        collector.look_seldom()
        own_python.leave_current_folder()
        from bmi_app.cli import app

        app.main()
    except KeyboardInterrupt:
        print("bmi: interrupted before anything had begun", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
