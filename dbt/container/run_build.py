"""One `dbt build`, whose result goes to `raw.build_reports` for whoever started it.

The container's entry point. It reads

* MIQ_DATABASE_TRANSFORM_URL: postgres://role:password@host:port/database of the transform role;
* MIQ_DBT_PUBLISHED_CHANGE, MIQ_DBT_THROUGH_CHANGE: what to build and test, see ../README.md;
* MIQ_DBT_SSLMODE: how to connect, `prefer` if absent;
* CONTAINER_APP_JOB_EXECUTION_NAME: the report's name; Container Apps sets it in every job.

It ends as dbt does: 0 if all passed, 1 if dbt said no, 2 if dbt broke. Then there is a report.
Without one it ends with 75 (the report could not be written), 78 (a setting is missing) or 143
(it was stopped).
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg2

PROJECT = Path(__file__).resolve().parent.parent
DBT = Path(sys.executable).with_name("dbt")

CHANGES = ("MIQ_DBT_PUBLISHED_CHANGE", "MIQ_DBT_THROUGH_CHANGE")

# dbt has no business with the rest of the environment.
SEEN_BY_DBT = (
    *CHANGES,
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "TZ",
    "SSL_CERT_FILE",
    "MIQ_DBT_SSLMODE",
)

# Bytes of what dbt prints that the report keeps.
TAIL = 4 * 1024

# What the reader of the report needs of run_results.json, which holds all compiled SQL.
RESULT_KEYS = ("unique_id", "status", "message", "failures")

# Seconds between attempts to write the report: a database that restarts is back by then.
REPORT_PAUSES = (1, 2, 4, 8, 16, 30)

# Seconds that dbt has to cancel its queries once stopped. The platform kills after 30.
STOP_GRACE = 20

NOT_REPORTED, MISCONFIGURED, STOPPED = 75, 78, 143


def main() -> int:
    try:
        database = connection(os.environ["MIQ_DATABASE_TRANSFORM_URL"])
        execution = os.environ["CONTAINER_APP_JOB_EXECUTION_NAME"]
        changes = [int(os.environ[name]) for name in CHANGES]
    except KeyError as missing:
        print(f"{missing.args[0]} is not set", file=sys.stderr)
        return MISCONFIGURED
    except ValueError as fault:
        print(f"a setting cannot be read: {fault}", file=sys.stderr)
        return MISCONFIGURED
    print(f"building what changed after {changes[0]}, up to {changes[1]}", flush=True)

    with tempfile.TemporaryDirectory() as work:
        exit_code, tail = build(database, Path(work))
        results = reduced(Path(work) / "target" / "run_results.json")
    if exit_code is None:
        return STOPPED
    if not report(database, execution, exit_code, results, tail):
        return NOT_REPORTED
    return exit_code


def connection(url: str) -> dict:
    """The parts of the transform role's URL. No fault repeats any of it: it holds a password."""
    fault = ValueError(
        "MIQ_DATABASE_TRANSFORM_URL is not of the form postgres://role:password@host:port/database"
    )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 5432
    except ValueError:
        raise fault from None
    database = unquote(parts.path.lstrip("/"))
    if parts.scheme not in ("postgres", "postgresql") or not host or not database:
        raise fault
    return {
        "host": unquote(host),
        "port": port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "dbname": database,
    }


def build(database: dict, work: Path) -> tuple[int | None, bytes]:
    """dbt's exit code, or none if it was stopped; and the end of what it printed."""
    command = [
        str(DBT),
        *("build", "--exclude-resource-type", "unit_test", "--no-use-colors"),
        *("--project-dir", str(PROJECT)),
        *("--profiles-dir", str(PROJECT)),
        *("--target-path", str(work / "target")),
        *("--log-path", str(work / "logs")),
    ]
    environment = {name: os.environ[name] for name in SEEN_BY_DBT if name in os.environ}
    environment |= {
        "MIQ_DBT_HOST": database["host"],
        "MIQ_DBT_PORT": str(database["port"]),
        "MIQ_DBT_USER": database["user"],
        "MIQ_DBT_PASSWORD": database["password"],
        "MIQ_DBT_DATABASE": database["dbname"],
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    dbt = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    stopped = False

    def stop(_signal, _frame):
        nonlocal stopped
        stopped = True
        # As an interrupt dbt cancels its queries; killed, it would leave them running.
        dbt.send_signal(signal.SIGINT)
        signal.alarm(STOP_GRACE)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGALRM, lambda _signal, _frame: dbt.kill())

    tail = b""
    while printed := dbt.stdout.read1(TAIL):
        sys.stdout.buffer.write(printed)
        sys.stdout.buffer.flush()
        tail = (tail + printed)[-TAIL:]
    exit_code = dbt.wait()
    signal.alarm(0)
    # Without a handler the first process of a container ignores it.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(STOPPED))
    if stopped:
        return None, tail
    # A signal's number is negative here; shells add it to 128.
    return (exit_code if exit_code >= 0 else 128 - exit_code), tail


def reduced(run_results: Path) -> str | None:
    try:
        results = json.loads(run_results.read_bytes())["results"]
    except FileNotFoundError:
        return None
    return json.dumps({"results": [{key: one.get(key) for key in RESULT_KEYS} for one in results]})


def report(
    database: dict, execution: str, exit_code: int, results: str | None, tail: bytes
) -> bool:
    # A text of PostgreSQL cannot hold U+0000.
    output = tail.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}").strip()
    for pause in (*REPORT_PAUSES, None):
        try:
            write(database, (execution, exit_code, results, output))
            return True
        except psycopg2.Error as fault:
            print(f"the report was not written: {fault}", file=sys.stderr, flush=True)
        if pause is not None:
            time.sleep(pause)
    return False


def write(database: dict, row: tuple) -> None:
    sslmode = os.environ.get("MIQ_DBT_SSLMODE", "prefer")
    opened = psycopg2.connect(
        **database, sslmode=sslmode, connect_timeout=10, application_name="marketing-iq-dbt"
    )
    try:
        with opened, opened.cursor() as cursor:
            cursor.execute(
                """
                insert into raw.build_reports (execution, exit_code, results, output)
                values (%s, %s, %s, %s)
                on conflict (execution) do update set
                    exit_code = excluded.exit_code,
                    results = excluded.results,
                    output = excluded.output,
                    reported_at = now()
                """,
                row,
            )
            cursor.execute(
                "delete from raw.build_reports where reported_at < now() - interval '30 days'"
            )
    finally:
        opened.close()


if __name__ == "__main__":
    sys.exit(main())
