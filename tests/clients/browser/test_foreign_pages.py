"""A visitor is signed in, and looks at a page of somebody who means harm. Nothing may come of it.

The cookie is one that goes across sites, and the browser keeps such cookies: it is sent, and must not count.
"""

import json
from contextlib import ExitStack
from unittest import addModuleCleanup

from doors import Pages
from support import (
    KEYS,
    LOGIN,
    LOGOUT,
    MALLORY,
    ME,
    REFRESH,
    REFRESH_COOKIE,
    SESSION_COOKIE,
    BrowserTest,
    Site,
    certificate,
)

TEXT = "text/plain"
FORM = "application/x-www-form-urlencoded"
# As text, a form's one field is a line with a `=` in it; this one is JSON all the same.
KEY_IN_A_FIELD = {'{"name":"': '"}'}
UNREADABLE = {"error": "TypeError"}


def setUpModule():
    global own_page, foreign_page, site
    held = ExitStack()
    addModuleCleanup(held.close)
    pages = Pages(held, certificate())
    own_page, foreign_page = (f"https://{host}:{pages.port}" for host in ("app.example.com", "evil.example"))
    proxied = {"TRUSTED_PROXIES": "127.0.0.1", "ALLOWED_ORIGINS": own_page}
    site = Site(held, "https://api.example.org", certificate(), **proxied)


class ForeignPage(BrowserTest):
    def setUp(self):
        super().setUp()
        site.door.seen.clear()

    def lure(self):
        """Signs Ada in at a page of ours, and takes her to the foreign one."""
        self.sign_in(site, own_page)
        self.kept = self.browser.cookies()
        self.assertEqual(self.kept.keys(), {SESSION_COOKIE, REFRESH_COOKIE})
        self.browser.visit(foreign_page)
        site.door.seen.clear()

    def assert_refused(self, path, with_cookies=True):
        """The server was asked from the foreign page, with what the browser had, and has said no."""
        (asked,) = site.door.seen_at(path, "POST")
        self.assertEqual((asked.status, asked.origin), (403, foreign_page))
        self.assertEqual(SESSION_COOKIE in asked.cookies, with_cookies)

    def assert_nothing_has_changed(self):
        self.assertEqual(self.browser.cookies(), self.kept)
        self.assertEqual(site.keys(), [])
        self.browser.visit(own_page)
        self.assert_signed_in(site)


class Scripts(ForeignPage):
    def test_a_script_cannot_sign_a_visitor_in(self):
        self.browser.visit(foreign_page)

        as_json = self.browser.fetch(site.url(LOGIN), "POST", MALLORY)
        self.assertEqual(site.door.seen_at(LOGIN, "POST"), [], "the browser asks first, and is not let")
        form = f"username={MALLORY['email']}&password={MALLORY['password']}"
        as_form = self.browser.fetch(site.url(LOGIN), "POST", headers={"content-type": FORM}, body=form)

        self.assertEqual((as_json, as_form), (UNREADABLE, UNREADABLE))
        self.assert_refused(LOGIN, with_cookies=False)
        self.assertEqual(self.browser.cookies(), {})

    def test_a_script_cannot_read_who_is_signed_in(self):
        self.lure()

        self.assertEqual(self.browser.fetch(site.url(ME)), UNREADABLE)

        self.assertIn(SESSION_COOKIE, site.door.seen_at(ME)[0].cookies)

    def test_a_script_cannot_make_a_key(self):
        self.lure()

        as_json = self.browser.fetch(site.url(KEYS), "POST", {"name": "stolen"})
        self.assertEqual(site.door.seen_at(KEYS, "POST"), [], "the browser asks first, and is not let")
        text = self.browser.fetch(site.url(KEYS), "POST", headers={"content-type": TEXT}, body='{"name":"stolen"}')

        self.assertEqual((as_json, text), (UNREADABLE, UNREADABLE))
        self.assert_refused(KEYS)
        self.assert_nothing_has_changed()

    def test_a_script_that_needs_no_answer_cannot_sign_a_visitor_out(self):
        self.lure()

        self.browser.fetch(site.url(LOGOUT), "POST", mode="no-cors")

        self.assert_refused(LOGOUT)
        self.assert_nothing_has_changed()

    def test_a_script_cannot_use_up_the_refresh_token(self):
        self.lure()

        self.assertEqual(self.browser.fetch(site.url(REFRESH), "POST"), UNREADABLE)

        self.assert_refused(REFRESH)
        self.assertIn(REFRESH_COOKIE, site.door.seen_at(REFRESH)[0].cookies)
        self.assert_nothing_has_changed()

    def test_other_methods_are_not_even_sent(self):
        self.lure()

        for method in ("PUT", "PATCH", "DELETE"):
            self.assertEqual(self.browser.fetch(site.url(ME), method), UNREADABLE, method)

        self.assertEqual({seen.method for seen in site.door.seen}, {"OPTIONS"})
        self.assert_nothing_has_changed()


class Forms(ForeignPage):
    def test_a_form_cannot_sign_a_visitor_in(self):
        self.browser.visit(foreign_page)

        fields = {"username": MALLORY["email"], "password": MALLORY["password"]}
        shown = self.browser.submit(site.url(LOGIN), fields)

        self.assertEqual(json.loads(shown)["code"], "csrf_origin")
        self.assert_refused(LOGIN, with_cookies=False)
        self.assertEqual(self.browser.cookies(), {})

    def test_a_form_cannot_make_a_key(self):
        self.lure()

        shown = self.browser.submit(site.url(KEYS), KEY_IN_A_FIELD, TEXT)

        self.assertEqual(json.loads(shown)["code"], "csrf_origin")
        self.assert_refused(KEYS)
        self.assert_nothing_has_changed()

    def test_a_form_cannot_sign_a_visitor_out(self):
        self.lure()

        shown = self.browser.submit(site.url(LOGOUT), {})

        self.assertEqual(json.loads(shown)["code"], "csrf_origin")
        self.assert_refused(LOGOUT)
        self.assert_nothing_has_changed()

    def test_a_form_of_a_page_without_an_origin_cannot_either(self):
        self.lure()

        self.browser.submit_sandboxed(site.url(LOGOUT))
        self.browser.until(lambda _: site.door.seen_at(LOGOUT))

        (asked,) = site.door.seen_at(LOGOUT)
        self.assertEqual((asked.status, asked.origin), (403, "null"))
        self.assertIn(SESSION_COOKIE, asked.cookies)
        self.assert_nothing_has_changed()


class OnTheSameMachine(BrowserTest):
    """Over http, another port of localhost is the same site: `SameSite` does not hold its pages back."""

    def test_a_page_that_is_not_let_in_sends_the_cookie_in_vain(self):
        held = ExitStack()
        self.addCleanup(held.close)
        page, neighbour = (f"http://localhost:{Pages(held).port}" for _ in range(2))
        site = Site(held, "http://localhost", ALLOWED_ORIGINS=page)
        self.sign_in(site, page)

        self.browser.visit(neighbour)
        as_script = self.browser.fetch(site.url(LOGOUT), "POST")
        as_form = self.browser.submit(site.url(KEYS), KEY_IN_A_FIELD, TEXT)

        self.assertEqual((as_script, json.loads(as_form)["code"]), (UNREADABLE, "csrf_origin"))
        for path in (LOGOUT, KEYS):
            (asked,) = site.door.seen_at(path, "POST")
            self.assertEqual((asked.status, asked.origin), (403, neighbour))
            self.assertIn(SESSION_COOKIE, asked.cookies)
        self.assertEqual(site.keys(), [])
        self.browser.visit(page)
        self.assert_signed_in(site)
