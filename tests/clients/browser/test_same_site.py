"""A developer's machine: page and server on localhost, over http, on two ports. One site, two origins."""

import json
import time
from contextlib import ExitStack
from unittest import addModuleCleanup

from doors import Pages
from support import (
    DAY,
    DEVICE_COOKIE,
    LOGIN,
    LOGOUT,
    ME,
    REFRESH,
    REFRESH_COOKIE,
    SESSION_COOKIE,
    BrowserTest,
    Site,
    attributes,
)


def setUpModule():
    global page, site
    held = ExitStack()
    addModuleCleanup(held.close)
    page = f"http://localhost:{Pages(held).port}"
    site = Site(held, "http://localhost", ALLOWED_ORIGINS=page)


class SigningIn(BrowserTest):
    def test_two_cookies_are_kept_and_each_has_its_attributes(self):
        before = time.time()
        self.sign_in(site, page)
        after = time.time()

        kept = self.browser.cookies()
        ours = {"domain": "localhost", "httpOnly": True, "secure": False, "sameSite": "Lax", "session": False}
        self.assertEqual(kept.keys(), {SESSION_COOKIE, REFRESH_COOKIE})
        self.assertEqual(attributes(kept[SESSION_COOKIE]), {**ours, "path": "/"})
        self.assertEqual(attributes(kept[REFRESH_COOKIE]), {**ours, "path": REFRESH})
        for name, cookie in kept.items():
            self.assertGreater(cookie["expires"], before + 30 * DAY - 2, name)
            self.assertLess(cookie["expires"], after + 30 * DAY + 2, name)

    def test_the_session_is_there_for_whoever_sends_cookies(self):
        self.sign_in(site, page)

        self.assert_signed_in(site)
        self.assertEqual(self.browser.fetch(site.url(ME), credentials="omit")["status"], 401)

    def test_no_script_can_read_them(self):
        self.sign_in(site, page)

        self.browser.script('document.cookie = "own=1"')

        # Cookies know no ports: what scripts may read of the server's, this page could read.
        self.assertEqual(self.browser.script("return document.cookie"), "own=1")

    def test_the_refresh_token_goes_to_its_door_and_nowhere_else(self):
        self.sign_in(site, page)
        site.door.seen.clear()

        for path, method in [(ME, "GET"), ("/api/v1/auth/sessions", "GET"), ("/health", "GET"), (REFRESH, "POST")]:
            self.assertEqual(self.browser.fetch(site.url(path), method)["status"], 200, path)

        sent = {seen.path: set(seen.cookies) for seen in site.door.seen if seen.method != "OPTIONS"}
        both = {SESSION_COOKIE, REFRESH_COOKIE}
        self.assertEqual(sent.pop(REFRESH), both)
        self.assertEqual(list(sent.values()), [{SESSION_COOKIE}] * 3)

    def test_its_cookie_refreshes_without_a_body(self):
        first = self.sign_in(site, page)

        answer = self.browser.fetch(site.url(REFRESH), "POST")

        self.assertEqual(answer["status"], 200, answer)
        second = json.loads(answer["text"])["refresh_token"]
        self.assertNotEqual(second, first["refresh_token"])
        self.assertEqual(self.browser.cookies()[REFRESH_COOKIE]["value"], second)

    def test_signing_in_again_leaves_one_of_each(self):
        self.sign_in(site, page)
        first = self.browser.cookies()[SESSION_COOKIE]["value"]

        self.sign_in(site, page)

        kept = self.browser.cookies()
        self.assertEqual(kept.keys(), {SESSION_COOKIE, REFRESH_COOKIE})
        self.assertNotEqual(kept[SESSION_COOKIE]["value"], first)


class Remembering(BrowserTest):
    def test_who_is_not_to_be_remembered_gets_cookies_without_an_end(self):
        self.sign_in(site, page, remember=False)

        self.assertEqual(self.browser.fetch(site.url(REFRESH), "POST")["status"], 200)

        for cookie in self.browser.cookies().values():
            self.assertTrue(cookie["session"], cookie)
            self.assertEqual(cookie["expires"], -1, cookie)
        self.assert_signed_in(site)

    def test_they_end_with_the_browser(self):
        self.open()
        self.sign_in(site, page, remember=False)

        self.restart()

        self.assert_signed_out(site)

    def test_who_is_remembered_is_signed_in_after_a_restart(self):
        self.open()
        self.sign_in(site, page)

        self.restart()

        self.assert_signed_in(site)

    def restart(self):
        self.browser.driver.quit()
        self.open(profile=self.browser.profile)
        self.browser.visit(page)


class SigningOut(BrowserTest):
    def test_the_browser_is_known_afterwards_at_the_login_and_nowhere_else(self):
        self.sign_in(site, page)
        self.sign_out(site)
        device = self.browser.all_cookies()[DEVICE_COOKIE]
        site.door.seen.clear()

        self.browser.fetch(site.url(ME))
        self.sign_in(site, page)

        self.assertTrue(device["httpOnly"])
        sent = {seen.path: set(seen.cookies) for seen in site.door.seen if seen.method != "OPTIONS"}
        self.assertEqual(sent, {ME: set(), LOGIN: {DEVICE_COOKIE}})

    def test_both_cookies_are_gone(self):
        self.sign_in(site, page)

        self.sign_out(site)

        self.assert_signed_out(site)
        self.assertEqual(self.browser.fetch(site.url(REFRESH), "POST")["status"], 401)

    def test_everywhere_means_here_too(self):
        self.sign_in(site, page)

        answer = self.browser.fetch(site.url("/api/v1/auth/logout-all"), "POST")

        self.assertEqual(answer["status"], 204)
        self.assert_signed_out(site)

    def test_cookies_that_somebody_else_has_ended_are_taken_away_all_the_same(self):
        tokens = self.sign_in(site, page)
        site.server.ask(LOGOUT, b"{}", 204, tokens["access_token"])
        self.assertEqual(self.browser.fetch(site.url(ME))["status"], 401)

        self.sign_out(site)

        self.assert_signed_out(site)
