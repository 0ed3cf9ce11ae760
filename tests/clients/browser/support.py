"""What every test needs: a browser, pages to act from, and servers to act upon. All of it on loopback."""

import atexit
import ctypes
import json
import os
import signal
import sys
import tempfile
import unittest
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

sys.path.append(str(Path(__file__).resolve().parent.parent))

from doors import Door, Pages, self_signed  # noqa: E402
from server import Server  # noqa: E402

BINARY = os.environ["CONCIERGE"]
CHROMIUM = os.environ["CHROMIUM"]
CHROMEDRIVER = os.environ["CHROMEDRIVER"]
FOLDER = Path(os.environ["FOLDER"])
WITHIN = 60
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--window-size=1400,1000",
    # Every name is this machine, and nothing is asked elsewhere.
    "--host-resolver-rules=MAP * 127.0.0.1",
    "--no-proxy-server",
    "--ignore-certificate-errors",
]

# Whether cookies of other sites than the page's are kept; Debian's Chromium keeps none by itself.
THIRD_PARTY_COOKIES = "profile.cookie_controls_mode"
KEPT, BLOCKED = 0, 1

ME = "/api/v1/auth/me"
LOGIN = "/api/v1/auth/login"
LOGOUT = "/api/v1/auth/logout"
REFRESH = "/api/v1/auth/refresh"
KEYS = "/api/v1/api-keys"
ADA = {"email": "ada@example.com", "password": "a-long-enough-passphrase-42"}
MALLORY = {"email": "mallory@example.com", "password": "a-long-enough-passphrase-43"}
SESSION_COOKIE, REFRESH_COOKIE = "session_token", "refresh_token"
# By which a browser is known at the next login. It opens nothing, and outlives the login.
DEVICE_COOKIE = "known_device"
DAY = 24 * 60 * 60

# The answer is what the page's script gets to see, which is less than what was answered.
FETCH = """
const [url, init, done] = arguments;
fetch(url, init).then(
  async (answer) => done({ status: answer.status, text: await answer.text() }),
  (error) => done({ error: error.name }),
);
"""
SUBMIT = """
const [action, kind, fields] = arguments;
const form = document.createElement("form");
Object.assign(form, { action, method: "post", enctype: kind });
for (const [name, value] of Object.entries(fields)) {
  const input = document.createElement("input");
  Object.assign(input, { type: "hidden", name, value });
  form.append(input);
}
document.body.append(form);
form.submit();
"""
LOADED = 'return document.readyState === "complete"'
# A frame that may run scripts and send forms, and has no origin of its own.
SANDBOX = """
const [action] = arguments;
const frame = document.createElement("iframe");
frame.sandbox = "allow-scripts allow-forms";
frame.srcdoc = `<form method="post" action="${action}"></form><script>document.forms[0].submit()</script>`;
document.body.append(frame);
"""


class Browser:
    """Chromium with an empty profile, or with the one in `profile`."""

    def __init__(self, held, profile=None, third_party_cookies=KEPT):
        self.profile = profile or tempfile.mkdtemp(prefix="profile-", dir=FOLDER)
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in [*FLAGS, f"--user-data-dir={self.profile}"]:
            options.add_argument(flag)
        options.add_experimental_option("prefs", {THIRD_PARTY_COOKIES: third_party_cookies})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        own = {"HOME": self.profile, "TMPDIR": str(FOLDER)}
        service = Service(CHROMEDRIVER, env={**os.environ, **own})
        self.driver = webdriver.Chrome(options, service)
        held.callback(self.driver.quit)
        self.driver.set_script_timeout(WITHIN)
        self.driver.set_page_load_timeout(WITHIN)

    def forget(self):
        """Leaves the page, and loses all cookies."""
        self.driver.get("about:blank")
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.driver.get_log("browser")

    def visit(self, origin):
        """Opens a page of an origin; what is fetched from now on, that page fetches."""
        self.driver.get(f"{origin}/")
        return self

    def fetch(self, url, method="GET", value=None, **init):
        """What a script of the page gets: `status` and `text`, or the name of an `error`."""
        init = {"method": method, "credentials": "include", **init}
        if value is not None:
            init |= {"headers": {"content-type": "application/json"}, "body": json.dumps(value)}
        return self.driver.execute_async_script(FETCH, url, init)

    def submit(self, action, fields, kind="application/x-www-form-urlencoded"):
        """Sends an HTML form of the page, and returns the text of what then is shown."""
        self.driver.execute_script(SUBMIT, action, kind, fields)
        self.until(lambda driver: driver.current_url == action and self.script(LOADED))
        return self.driver.find_element("tag name", "body").text

    def submit_sandboxed(self, action):
        """Sends an empty form of a frame without an origin; nothing is seen of the answer."""
        self.driver.execute_script(SANDBOX, action)

    def cookies(self):
        """All cookies, of all sites, by their names, which must differ, but for the one that stays."""
        by_name = self.all_cookies()
        by_name.pop(DEVICE_COOKIE, None)
        return by_name

    def all_cookies(self):
        kept = self.driver.execute_cdp_cmd("Network.getAllCookies", {})["cookies"]
        by_name = {cookie["name"]: cookie for cookie in kept}
        assert len(by_name) == len(kept), kept
        return by_name

    def script(self, script, *values):
        return self.driver.execute_script(script, *values)

    def until(self, holds, complaint=""):
        return WebDriverWait(self.driver, WITHIN, poll_frequency=0.05).until(holds, complaint)


class Site:
    """A server behind a door, under the name that browsers know, with an account of Ada's."""

    def __init__(self, held, api, certificate=None, **settings):
        """`api` is scheme and host of the server; `{api}` in a setting is its whole origin."""
        self.door = Door(held, certificate)
        self.origin = f"{api}:{self.door.port}"
        settings = {name: value.format(api=self.origin) for name, value in settings.items()}
        folder = Path(tempfile.mkdtemp(prefix="server-", dir=FOLDER))
        # What is tried here is tried often, and from one address.
        self.server = Server(held, folder, BINARY, {"RATE_LIMIT_ENABLED": "false", **settings})
        self.door.target = self.server.address
        self.server.wait_until_ready()
        for user in (ADA, MALLORY):
            self.server.post("/api/v1/auth/register", user, 201)

    def url(self, path):
        """The address of a path, as browsers know it."""
        return self.origin + path

    def keys(self):
        """The names of Ada's API keys, as a program sees them."""
        token = self.server.post(LOGIN, ADA, 200)["access_token"]
        return [key["name"] for key in self.server.get(KEYS, token)["items"]]


class BrowserTest(unittest.TestCase):
    """Tests in one browser, which remembers nothing from one to the next."""

    @classmethod
    def setUpClass(cls):
        cls.held = ExitStack()
        cls.addClassCleanup(cls.held.close)

    def setUp(self):
        self.browser = shared_browser()
        self.browser.forget()

    def open(self, **options):
        """Goes on with another browser, which has these options of `Browser`."""
        held = ExitStack()
        self.addCleanup(held.close)
        self.browser = Browser(held, **options)

    def sign_in(self, site, origin, **more):
        """Opens a page of `origin`, and signs Ada in from there."""
        answer = self.browser.visit(origin).fetch(site.url(LOGIN), "POST", {**ADA, **more})
        self.assertEqual(answer.get("status"), 200, answer)
        return json.loads(answer["text"])

    def assert_signed_in(self, site):
        answer = self.browser.fetch(site.url(ME))
        self.assertEqual(answer.get("status"), 200, answer)
        self.assertEqual(json.loads(answer["text"])["email"], ADA["email"])

    def assert_signed_out(self, site):
        self.assertEqual(self.browser.cookies(), {})
        self.assertEqual(self.browser.fetch(site.url(ME)).get("status"), 401)

    def sign_out(self, site):
        self.assertEqual(len(self.browser.cookies()), 2)
        answer = self.browser.fetch(site.url(LOGOUT), "POST")
        self.assertEqual(answer.get("status"), 204, answer)


def attributes(cookie):
    """What a browser has noted of a cookie, apart from its value and its end."""
    names = ("domain", "path", "httpOnly", "secure", "sameSite", "session")
    return {name: cookie.get(name) for name in names}


@cache
def shared_browser():
    """It takes a second to start one, and tests are many."""
    held = ExitStack()
    atexit.register(held.close)
    return Browser(held)


@cache
def certificate():
    return self_signed(FOLDER)


def adopt_orphans():
    """Makes the helpers that Chromium leaves to themselves ours: in a container nobody else may bury them."""
    set_child_subreaper = 36
    ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def bury_orphans():
    """Waits until all of them have ended, and whatever else should have; dies of it where that takes too long."""
    signal.alarm(WITHIN)
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


adopt_orphans()
# What is registered first is called last.
atexit.register(bury_orphans)
