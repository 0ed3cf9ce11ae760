"""The page at /docs, as whoever has just started the server finds it: an empty folder, and no settings."""

import json
import tempfile
from pathlib import Path

from support import BINARY, FOLDER, KEYS, LOGIN, BrowserTest, Server

# Where it listens is all that it is told.
UNSET = {"APP_ENV": None, "DATA_DIR": None}
GRACE = {"email": "grace@example.com", "password": "a-long-enough-passphrase-44"}
# The account that the document shows as an example of one.
ADA = {"email": "ada@example.com", "password": "correct horse battery"}
WORTH_A_LOOK = ("WARNING", "SEVERE")
REFUSED = "Failed to load resource: the server responded with a status of 401"


class Docs(BrowserTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = Path(tempfile.mkdtemp(prefix="server-", dir=FOLDER))
        cls.server = Server(cls.held, folder, BINARY, UNSET).wait_until_ready()
        cls.origin = f"http://localhost:{cls.server.address[1]}"
        cls.server.post("/api/v1/auth/register", GRACE, 201)

    def setUp(self):
        super().setUp()
        everything = {"origin": self.origin, "storageTypes": "all"}
        self.browser.driver.execute_cdp_cmd("Storage.clearDataForOrigin", everything)
        self.load("/docs")

    def tearDown(self):
        self.assertEqual(self.complaints(), [])

    def test_the_page_shows_every_operation_and_asks_nobody_else(self):
        document = self.server.get("/openapi.json", None)
        operations = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]

        for path in ("/docs", "/docs/"):
            self.load(path)

            shown = [block.get_attribute("id").split("-")[-1] for block in self.all(".opblock")]
            self.assertEqual(sorted(shown), sorted(operations), path)
            self.assertIn(f"{self.origin}/openapi.json", self.asked())
            self.assertEqual([url for url in self.asked() if not url.startswith(f"{self.origin}/")], [], path)

    def test_a_newcomer_can_join_sign_in_do_something_and_leave(self):
        self.assertEqual(self.execute("auth_register")[0], 201)
        self.assertEqual(self.execute("auth_me")[0], 401)

        self.fill_in_form(ADA)
        self.wait_for(".modal-ux h6")
        self.close_dialog()

        status, me = self.execute("auth_me")
        self.assertEqual((status, me["email"]), (200, ADA["email"]))
        status, key = self.execute("api_keys_create")
        self.assertEqual((status, key["key"][:6]), (201, "sk-cg-"))
        self.assertEqual(self.execute("auth_logout"), (204, None))
        self.assertEqual(self.browser.cookies(), {})
        self.assertEqual(self.execute("auth_me")[0], 401)

    def test_a_wrong_password_is_told_in_the_dialog(self):
        self.fill_in_form({**GRACE, "password": "not-her-passphrase"})

        self.assertIn("do not belong together", self.wait_for(".modal-ux .errors").text)
        self.assertEqual(self.browser.cookies(), {})

    def test_the_session_cookie_alone_is_enough(self):
        self.fill_in_form(GRACE)
        self.wait_for(".modal-ux h6")
        self.browser.script("localStorage.clear()")

        self.load("/docs")

        self.assertEqual(self.execute("api_keys_create")[0], 201)

    def test_signing_out_ends_what_the_form_has_got_without_the_cookie_too(self):
        self.fill_in_form(GRACE)
        self.wait_for(".modal-ux h6")
        self.close_dialog()
        self.browser.driver.delete_all_cookies()

        self.assertEqual(self.execute("auth_logout")[0], 204)

        self.assertEqual(self.execute("auth_me")[0], 401)

    def test_an_access_token_is_enough_and_is_still_there_after_a_reload(self):
        self.fill_in("bearerAuth", self.server.post(LOGIN, GRACE, 200)["access_token"])

        status, me = self.execute("auth_me")
        self.assertEqual((status, me["email"]), (200, GRACE["email"]))
        self.load("/docs")
        self.assertEqual(self.execute("auth_me")[0], 200)

    def test_an_api_key_opens_what_it_is_for(self):
        token = self.server.post(LOGIN, GRACE, 200)["access_token"]
        self.fill_in("apiKeyAuth", self.server.post(KEYS, {"name": "swagger"}, 201, token)["key"])

        self.assertEqual(self.execute("models_list")[0], 200)

    def load(self, path):
        self.browser.driver.get(self.origin + path)
        self.wait_for(".opblock")

    def execute(self, operation):
        """Presses Execute, with what the page has filled in: the status and the body that it then shows."""
        block = f'.opblock[id$="-{operation}"]'
        answer = f"{block} .live-responses-table"
        if not self.all(f"{block}.is-open"):
            self.click(f"{block} .opblock-summary-control")
        if self.all(answer):
            self.click(f"{block} .btn-clear")
            self.browser.until(lambda _: not self.all(answer))
        self.click(f"{block} .execute")
        status = self.wait_for(f"{answer} td.response-col_status:not(.col_header)").get_property("textContent")
        body = self.all(f"{answer} .highlight-code code")
        return int(status[:3]), json.loads(body[0].get_property("textContent")) if body else None

    def fill_in_form(self, account):
        """Asks for tokens by the password form of the Authorize dialog."""
        self.click(".auth-wrapper .authorize")
        self.wait_for("#oauth_username").send_keys(account["email"])
        self.wait_for("#oauth_password").send_keys(account["password"])
        self.click('[aria-label="Apply given OAuth2 credentials"]')

    def fill_in(self, scheme, value):
        """Gives the dialog a credential that one has."""
        self.click(".auth-wrapper .authorize")
        form = self.browser.until(lambda driver: driver.find_element("xpath", f'//form[.//h4/code="{scheme}"]'))
        form.find_element("css selector", "input").send_keys(value)
        form.submit()
        self.wait_for(".modal-ux h6")
        self.close_dialog()

    def close_dialog(self):
        self.click(".modal-ux .close-modal")
        self.browser.until(lambda _: not self.all(".modal-ux"))

    def complaints(self):
        """What the console holds against the page, but for refusals that a test has asked for."""
        lines = [line for line in self.browser.driver.get_log("browser") if line["level"] in WORTH_A_LOOK]
        return [line["message"] for line in lines if REFUSED not in line["message"]]

    def asked(self):
        """The addresses that the page has sent requests to."""
        entries = self.browser.script('return performance.getEntriesByType("resource").map((entry) => entry.name)')
        return [url for url in entries if not url.startswith("data:")]

    def all(self, css):
        return self.browser.driver.find_elements("css selector", css)

    def wait_for(self, css):
        return self.browser.until(lambda driver: driver.find_element("css selector", css), f"there is no {css}")

    def click(self, css):
        """Clicks as soon as it is there; by a script, for the page moves about while it draws itself."""
        self.wait_for(css)
        self.browser.script(f"document.querySelector({json.dumps(css)}).click()")
