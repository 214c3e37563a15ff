"""Bring the servers that the integration tests talk to into `.tools/`: `make servers`.

Each is fetched once; a test whose server is missing is skipped with this command.
"""

from __future__ import annotations

from tests.integration import dynamodb_local, iceberg

FETCHES = (dynamodb_local.fetch, iceberg.fetch_jar)


def main() -> None:
    for fetch in FETCHES:
        fetch()


if __name__ == "__main__":
    main()
