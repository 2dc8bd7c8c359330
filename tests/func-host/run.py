"""Holds the packaged handler to the contract of the real Functions host.

Starts `func start` (Azure Functions Core Tools, which is the host itself) on the package, with
Azurite for the host's state and the queues, and calls what a host calls: an endpoint, a timer
through the admin endpoint, a queue message, a message that is garbage.

Needs func, azurite and az on the PATH, and a migrated PostgreSQL without people in it, whose URLs
are in MIQ_DATABASE_APP_URL, MIQ_DATABASE_TRANSFORM_URL and MIQ_DATABASE_API_URL:

    python3 tests/func-host/run.py marketing-iq.zip
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

HOST = "http://127.0.0.1:7071"
STORAGE = "UseDevelopmentStorage=true"
QUEUES = ["extract-google-ads", "extract-meta-ads", "extract-google-analytics", "transform"]
PATIENCE = 180  # seconds that anything may take


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("package", type=Path)
    arguments.add_argument("--logs", type=Path, default=Path("func-host-logs"))
    arguments = arguments.parse_args()
    arguments.logs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "app"
        unpack(arguments.package, root)
        azurite = start(
            ["azurite", "--silent", "--location", folder, "--skipApiVersionCheck"],
            arguments.logs / "azurite.log",
        )
        try:
            make_queues()
            host = start(
                ["func", "start", "--port", "7071", "--verbose"],
                arguments.logs / "host.log",
                cwd=root,
                env=environment(Path(folder)),
            )
            try:
                check(root, arguments.logs / "host.log", host)
            finally:
                stop(host)
        finally:
            stop(azurite)
    print("The real host and the package agree.")


def check(root: Path, log: Path, host: subprocess.Popen) -> None:
    """Every contract, one after the other; the first that is broken ends the run."""
    until("the host loads the functions", lambda: loaded(root, host))

    status, headers, body = call("GET", "/health")
    expect(status == 200, f"GET /health answered {status}: {body}")
    expect("json" in headers.get("content-type", ""), "GET /health did not answer JSON")

    status, headers, body = call("GET", "/api/v1/runs/nothing?limit=1&limit=2")
    expect(status == 401, f"a route without a token answered {status}: {body}")
    expect(headers.get("content-type") == "application/problem+json", "a problem lost its type")
    expect("www-authenticate" in headers, "a problem lost a header")

    person = {"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"}
    status, _, body = call("POST", "/auth/signup", person)
    expect(status == 201, f"POST with a body answered {status}: {body}")
    token = json.loads(body)["access_token"]
    status, _, body = call("GET", "/tenants", token=token)
    expect(status == 200, f"a request with a token answered {status}: {body}")

    # No caller from outside reaches a function that is not HTTP.
    for path in ["/ExtractMetaAds", "/RunTransform", "/runtransform"]:
        spoofed = {"X-Azure-Functions-InvocationId": "00000000-0000-0000-0000-000000000000"}
        status, _, _ = call("POST", path, {"Data": {}, "Metadata": {}}, headers=spoofed)
        expect(status == 404, f"POST {path} from outside answered {status}")

    status, _, body = call("POST", "/admin/functions/ExtractMetaAds", {"input": ""})
    expect(status == 202, f"the admin endpoint answered {status}: {body}")
    until("the timer succeeds", lambda: ended("ExtractMetaAds", "Succeeded", log))

    put("transform", '{"request": 1}')
    until("a message is worked on", lambda: ended("RunTransform", "Succeeded", log))
    until("its queue is empty", lambda: depth("transform") == 0)

    put("extract-meta-ads", "no JSON at all, but ünïcode")
    until("garbage fails", lambda: ended("RunMetaAdsJob", "Failed", log))
    until("garbage is put aside", lambda: depth("extract-meta-ads-poison") == 1)
    expect(host.poll() is None, "the host ended")


def unpack(package: Path, root: Path) -> None:
    """Unpacks with the modes that the package gives, as the platform's mount does."""
    with zipfile.ZipFile(package) as zipped:
        for member in zipped.infolist():
            path = Path(zipped.extract(member, root))
            mode = member.external_attr >> 16
            if mode and not member.is_dir():
                path.chmod(mode)
    # Only Core Tools asks for this file; in Azure the runtime is a property of the app.
    settings = {"IsEncrypted": False, "Values": {"FUNCTIONS_WORKER_RUNTIME": "Custom"}}
    (root / "local.settings.json").write_text(json.dumps(settings))


def environment(folder: Path) -> dict[str, str]:
    """Storage is Azurite's, databases are given, and failed messages come back soon."""
    never = "0 0 0 1 1 *"
    return os.environ | {
        "AzureWebJobsStorage": STORAGE,
        "MIQ_QUEUES": STORAGE,
        "MIQ_SCHEDULE_GOOGLE_ADS": never,
        "MIQ_SCHEDULE_META_ADS": never,
        "MIQ_SCHEDULE_GOOGLE_ANALYTICS": never,
        "MIQ_DATA_DIR": str(folder / "data"),
        "MIQ_PUBLIC_URL": f"{HOST}/",
        "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:01",
        "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:01",
    }


def start(command: list[str], log: Path, **options) -> subprocess.Popen:
    with log.open("wb") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **options)


def stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def call(method: str, path: str, body=None, token=None, headers=None) -> tuple[int, dict, str]:
    request = urllib.request.Request(HOST + path, method=method, headers=headers or {})
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            status, headers, text = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as problem:
        status, headers, text = problem.code, problem.headers, problem.read()
    return status, {name.lower(): value for name, value in headers.items()}, text.decode()


def loaded(root: Path, host: subprocess.Popen) -> bool:
    """The host lists exactly the package's folders."""
    expect(host.poll() is None, "func start ended; see its log")
    try:
        status, _, body = call("GET", "/admin/functions")
    except OSError:
        return False
    if status != 200:
        return False
    listed = {function["name"] for function in json.loads(body)}
    folders = {path.parent.name for path in root.glob("*/function.json")}
    expect(listed <= folders, f"the host lists {listed - folders}, which nobody packed")
    return listed == folders


def ended(function: str, outcome: str, log: Path) -> bool:
    """The host logs each invocation's end with its outcome."""
    text = log.read_text(encoding="utf-8", errors="replace")
    return re.search(rf"Executed 'Functions\.{function}' \({outcome}", text) is not None


def make_queues() -> None:
    for queue in QUEUES:
        for name in (queue, f"{queue}-poison"):
            until(f"queue {name} exists", lambda name=name: storage("queue", "create", "--name", name) is not None)


def put(queue: str, text: str) -> None:
    """As the handler's own SDK puts it: plain, not base64."""
    expect(storage("message", "put", "--queue-name", queue, "--content", text) is not None, f"{queue} took no message")


def depth(queue: str) -> int:
    """Messages that are there and not in hand."""
    shown = storage("message", "peek", "--queue-name", queue, "--num-messages", "32")
    return len(json.loads(shown)) if shown else -1


def storage(*arguments: str) -> str | None:
    """The Azure CLI on Azurite; None if it failed."""
    command = ["az", "storage", *arguments, "--connection-string", STORAGE, "--output", "json", "--only-show-errors"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def until(what: str, happens) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happens():
        expect(time.monotonic() < deadline, f"gave up waiting until {what}")
        time.sleep(1)
    print(f"ok: {what}", flush=True)


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        sys.exit(f"not as agreed: {otherwise}")


if __name__ == "__main__":
    main()
