"""In the open: https, ended by a proxy that the server trusts. Pages of another site, and of the same."""

import json
from contextlib import ExitStack
from unittest import addModuleCleanup

from doors import Pages
from support import (
    BLOCKED,
    LOGOUT,
    ME,
    REFRESH,
    REFRESH_COOKIE,
    SESSION_COOKIE,
    BrowserTest,
    Site,
    attributes,
    certificate,
)

HOST_COOKIE = "__Host-session_token"


def setUpModule():
    global pages
    held = ExitStack()
    addModuleCleanup(held.close)
    pages = Pages(held, certificate())


def page(host):
    return f"https://{host}:{pages.port}"


class BehindAProxy(BrowserTest):
    @classmethod
    def serve(cls, api, **settings):
        cls.site = Site(cls.held, api, certificate(), TRUSTED_PROXIES="127.0.0.1", **settings)


class OfAnotherSite(BehindAProxy):
    """The page is https://app.example.com, the server https://api.example.org."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.page = page("app.example.com")
        cls.serve("https://api.example.org", ALLOWED_ORIGINS=cls.page)

    def test_its_cookies_are_secure_and_go_across_sites(self):
        self.sign_in(self.site, self.page)

        kept = self.browser.cookies()
        ours = {"domain": "api.example.org", "httpOnly": True, "secure": True, "sameSite": "None", "session": False}
        self.assertEqual(kept.keys(), {SESSION_COOKIE, REFRESH_COOKIE})
        self.assertEqual(attributes(kept[SESSION_COOKIE]), {**ours, "path": "/"})
        self.assertEqual(attributes(kept[REFRESH_COOKIE]), {**ours, "path": REFRESH})
        self.assert_signed_in(self.site)
        self.assertEqual(self.site.door.seen_at(ME)[-1].cookies.keys(), {SESSION_COOKIE})

    def test_its_refresh_cookie_refreshes(self):
        first = self.sign_in(self.site, self.page)

        answer = self.browser.fetch(self.site.url(REFRESH), "POST")

        self.assertEqual(answer.get("status"), 200, answer)
        second = self.browser.cookies()[REFRESH_COOKIE]
        self.assertEqual(second["value"], json.loads(answer["text"])["refresh_token"])
        self.assertNotEqual(second["value"], first["refresh_token"])
        self.assertEqual((second["secure"], second["sameSite"]), (True, "None"))

    def test_signing_out_there_takes_both_cookies_away(self):
        self.sign_in(self.site, self.page)

        self.sign_out(self.site)

        self.assert_signed_out(self.site)

    def test_signing_out_everywhere_does_too(self):
        self.sign_in(self.site, self.page)

        answer = self.browser.fetch(self.site.url("/api/v1/auth/logout-all"), "POST")

        self.assertEqual(answer.get("status"), 204, answer)
        self.assert_signed_out(self.site)


class WhereCookiesOfOtherSitesAreBlocked(BehindAProxy):
    """As many browsers do by themselves: then pages of another site have the tokens."""

    def test_the_tokens_of_the_answer_work_without_cookies(self):
        origin = page("app.example.com")
        self.serve("https://api.example.org", ALLOWED_ORIGINS=origin)
        self.open(third_party_cookies=BLOCKED)

        tokens = self.sign_in(self.site, origin)

        self.assertEqual(self.browser.cookies(), {})
        bearer = {"authorization": f"Bearer {tokens['access_token']}"}
        self.assertEqual(self.browser.fetch(self.site.url(ME), headers=bearer).get("status"), 200)
        shown = {"refresh_token": tokens["refresh_token"]}
        self.assertEqual(self.browser.fetch(self.site.url(REFRESH), "POST", shown).get("status"), 200)
        self.assertEqual(self.browser.fetch(self.site.url(LOGOUT), "POST", headers=bearer).get("status"), 204)
        self.assertEqual(self.browser.fetch(self.site.url(ME), headers=bearer).get("status"), 401)


class WithAHostPrefix(BehindAProxy):
    """As above; a cookie of this name is one that no subdomain and no plain http can set (RFC 6265bis)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.page = page("app.example.com")
        cls.serve("https://api.example.org", ALLOWED_ORIGINS=cls.page, COOKIE_NAME=HOST_COOKIE)

    def test_the_cookie_is_kept_and_signs_in(self):
        self.sign_in(self.site, self.page)

        self.assertEqual(self.browser.cookies().keys(), {HOST_COOKIE, REFRESH_COOKIE})
        self.assert_signed_in(self.site)

    def test_signing_out_takes_it_away(self):
        self.sign_in(self.site, self.page)

        self.sign_out(self.site)

        self.assert_signed_out(self.site)


class OfTheSameSite(BehindAProxy):
    """The page is https://app.example.com, the server https://api.example.com, and knows that it is."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.page = page("app.example.com")
        cls.serve("https://api.example.com", ALLOWED_ORIGINS=cls.page, PUBLIC_URL="{api}")

    def test_its_cookies_are_secure_and_stay_within_the_site(self):
        self.sign_in(self.site, self.page)

        kept = self.browser.cookies()
        ours = {"domain": "api.example.com", "httpOnly": True, "secure": True, "sameSite": "Lax", "session": False}
        self.assertEqual(kept.keys(), {SESSION_COOKIE, REFRESH_COOKIE})
        self.assertEqual(attributes(kept[SESSION_COOKIE]), {**ours, "path": "/"})
        self.assertEqual(attributes(kept[REFRESH_COOKIE]), {**ours, "path": REFRESH})
        self.assert_signed_in(self.site)

    def test_pages_of_other_sites_do_not_send_them(self):
        self.sign_in(self.site, self.page)

        self.browser.visit(page("evil.example")).fetch(self.site.url(ME), mode="no-cors")

        self.assertEqual(self.site.door.seen_at(ME)[-1].cookies, {})

    def test_signing_out_takes_both_away(self):
        self.sign_in(self.site, self.page)

        self.sign_out(self.site)

        self.assert_signed_out(self.site)


class OverSubdomains(BehindAProxy):
    """As above, with cookies for all of example.com."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.page = page("app.example.com")
        settings = {"ALLOWED_ORIGINS": cls.page, "PUBLIC_URL": "{api}", "COOKIE_DOMAIN": "example.com"}
        cls.serve("https://api.example.com", **settings)

    def test_the_cookies_are_the_domains(self):
        self.sign_in(self.site, self.page)

        domains = {name: cookie["domain"] for name, cookie in self.browser.cookies().items()}
        self.assertEqual(domains, {SESSION_COOKIE: ".example.com", REFRESH_COOKIE: ".example.com"})
        self.assert_signed_in(self.site)

    def test_signing_out_takes_both_away(self):
        self.sign_in(self.site, self.page)

        self.sign_out(self.site)

        self.assert_signed_out(self.site)


class OfTheSameHostOverHttp(BehindAProxy):
    """Page http://localhost, server https://localhost: for browsers two sites, for their schemes differ."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.page = f"http://localhost:{Pages(cls.held).port}"
        cls.serve("https://localhost", ALLOWED_ORIGINS=cls.page, PUBLIC_URL="{api}")

    def test_it_stays_signed_in(self):
        self.sign_in(self.site, self.page)

        self.assertEqual(self.browser.cookies().keys(), {SESSION_COOKIE, REFRESH_COOKIE})
        self.assert_signed_in(self.site)

    def test_signing_out_takes_both_cookies_away(self):
        self.sign_in(self.site, self.page)

        self.sign_out(self.site)

        self.assert_signed_out(self.site)
