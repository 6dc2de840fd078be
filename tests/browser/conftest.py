"""A headless Chromium, a JupyterLab, and pages in both. The browser lives for one test file: while it runs, no asyncio loop can start."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
]
FLAGS += ["--disable-component-update", "--disable-sync", "--force-color-profile=srgb"]
LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/apputils-extension:themes": {"theme": "JupyterLab Light", "adaptive-theme": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # every cell is in the page
}
RUN_ALL = """async () => {
    const app = window.jupyterapp;
    await app.restored;
    const panel = app.shell.currentWidget;
    await panel.context.ready;
    await panel.revealed;
    await panel.sessionContext.ready;
    await app.commands.execute("notebook:run-all-cells");
    return panel.content.widgets.flatMap((cell) => cell.model.outputs?.toJSON() ?? [])
        .filter((output) => output.output_type === "error").map((output) => `${output.ename}: ${output.evalue}`);
}"""
ASK_KERNEL = """async (code) => {
    const run = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code });
    let said = "";
    run.onIOPub = (message) => { if (message.header.msg_type === "stream") said += message.content.text; };
    await run.done;
    return said.trim();
}"""

IN_MODULE = """async ([source, text]) => {
    const data = JSON.parse(text);
    const m = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    return JSON.stringify(await (async () => { BODY })());
}"""
LISTEN = """() => {
    window.heard = [];
    document.addEventListener("keydown", (event) => event.key === "Tab" || window.heard.push(event.key));
}"""
CONTRAST = """(more) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const paint = (colors) => {
        canvas.clearRect(0, 0, 1, 1);
        for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => v / 255)
            .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    };
    const light = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
    const places = ".cw-cell:not(.cw-cut), .cw-root p, .cw-root label, .cw-root button, .cw-hint, legend, figcaption";
    const words = [...document.querySelectorAll([places, ...more].join(", "))];
    return words.filter((node) => node.innerText.trim() && node.checkVisibility()).map((node) => {
        const behind = ["white"];
        for (let up = node; up; up = up.parentElement) behind.splice(1, 0, getComputedStyle(up).backgroundColor);
        const [text, ground] = [light(paint([...behind, getComputedStyle(node).color])), light(paint(behind))];
        return [(Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05), node.innerText];
    }).sort((a, b) => a[0] - b[0])[0];
}"""


@pytest.fixture(scope="module")
def browser(chromium_path):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def in_module(browser):
    """in_module(widget class, data, body) -> what the JavaScript `body` returns, with the widget's module as m and data."""
    page = browser.new_page()

    def run(widget, data, body):
        return json.loads(page.evaluate(IN_MODULE.replace("BODY", body), [str(widget._esm), json.dumps(data)]))

    yield run
    page.close()


@pytest.fixture(scope="session")
def weakest_text():
    """weakest_text(page, ".more", ...) -> the smallest contrast between a text and what is behind it, and that text; among the words
    and numbers of the page and of those further places."""
    return lambda page, *more: page.evaluate(CONTRAST, more)


@pytest.fixture
def bare_page(browser):
    """bare_page(widget, ..., dark=False, width=900, motion="reduce", javascript=True) -> page with nothing but those widgets.

    At the end of the test: no script error, no console message above info, no request left the page, and no key pressed in a
    widget (but for Tab) reached the page, where JupyterLab would take it for a command.
    """
    contexts, trouble = [], []

    def open_page(*widgets, dark=False, width=900, motion="reduce", javascript=True):
        view = {
            "viewport": {"width": width, "height": 800},
            "reduced_motion": motion,
            "java_script_enabled": javascript,
        }
        contexts.append(browser.new_context(**view))
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on(
            "console", lambda message: trouble.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("request", lambda request: trouble.append(request.url) if not request.url.startswith("data:") else None)
        body = "\n".join(widget.html() for widget in widgets)
        theme = "dark" if dark else "light"
        page.set_content(f'<!doctype html><html data-theme="{theme}"><meta charset="utf-8"><body>{body}</body></html>')
        if javascript:
            page.wait_for_function(f"() => document.querySelectorAll('[data-mounted]').length === {len(widgets)}")
            page.evaluate(LISTEN)
        return page

    yield open_page
    for context in contexts:
        for page in context.pages:
            trouble += [f"the page heard the key {key}" for key in page.evaluate("() => window.heard ?? []")]
        context.close()
    assert trouble == []


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A JupyterLab of its own settings on a free port: its address and its root folder."""
    base = tmp_path_factory.mktemp("jupyter")
    root = base / "root"
    root.mkdir()
    env = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    kinds = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    for name in (*kinds, "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"):
        env[name] = str(base / name)
        (base / name).mkdir()
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [env.get("PYTHONPATH")])])
    overrides = base / "JUPYTER_CONFIG_DIR" / "labconfig" / "default_setting_overrides.json"
    overrides.parent.mkdir()
    overrides.write_text(json.dumps(LAB_SETTINGS))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--ServerApp.root_dir={root}", "--IdentityProvider.token="]
    command += [
        "--ServerApp.disable_check_xsrf=True",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
    ]
    log = base / "lab.log"
    with log.open("w") as out:
        server = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    _wait_until_up(f"{url}/api/status", server, log)
    yield url, root
    os.killpg(server.pid, signal.SIGTERM)  # its own group: the server and its kernels
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _until(page, code, output, patience=20):
    deadline = time.monotonic() + patience
    while (said := page.evaluate(ASK_KERNEL, code)) != output:
        assert time.monotonic() < deadline, f"{code} printed {said!r}, not {output!r}"


def _wait_until_up(address, server, log, patience=90):
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + patience
    while server.poll() is None and time.monotonic() < deadline:
        try:
            return ask.open(address, timeout=2).close()
        except OSError:
            time.sleep(0.1)  # between two questions, not instead of one
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGKILL)
    return pytest.fail(f"JupyterLab did not come up:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="module")
def notebook(lab, browser):
    """notebook("source", "source", ...) -> page of a JupyterLab that has run these cells; page.until(code, output) runs code in its
    kernel until it prints that output, since a widget's message may arrive after the code that asks for it.

    At the end of the file: no script error, and nothing was asked of another machine.
    """
    url, root = lab
    pages, trouble = [], []

    def open_notebook(*sources):
        name = f"test_{len(pages)}.ipynb"
        cells = [nbformat.v4.new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), root / name)
        context = browser.new_context(viewport={"width": 1280, "height": 1600}, reduced_motion="reduce")
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        elsewhere = lambda address: not address.startswith((url, "data:", "blob:"))  # noqa: E731
        page.route(elsewhere, lambda route: (trouble.append(route.request.url), route.abort()))
        page.goto(f"{url}/doc/tree/{name}?reset")
        page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.context")
        assert page.evaluate(RUN_ALL) == []
        page.until = lambda code, output: _until(page, code, output)
        pages.append(page)
        return page

    yield open_notebook
    for page in pages:
        page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
        page.context.close()
    assert trouble == []
