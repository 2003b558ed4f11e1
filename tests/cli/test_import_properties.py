"""The importers against any text: they never raise, and what they make of it always is a good configuration."""

from __future__ import annotations

import struct
from ipaddress import IPv4Network

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.config.loader import parse
from relay.control.imports.csv_list import csv_list
from relay.control.imports.found import Found, Given, configuration
from relay.control.imports.iis import iis, relay_list
from relay.control.imports.oauth2_proxy import oauth2_proxy
from relay.control.imports.postfix import postfix
from relay.control.imports.postfix_read import logical_lines
from relay.control.imports.postfix_read import settings as main_cf

PARAMETERS = (
    "mynetworks", "relayhost", "smtp_sasl_password_maps", "message_size_limit", "myhostname", "inet_interfaces",
    "smtpd_tls_security_level", "smtpd_sasl_auth_enable", "smtpd_recipient_restrictions", "maximal_queue_lifetime",
    "sender_dependent_relayhost_maps", "smtpd_tls_protocols", "smtp_bind_address", "smtpd_recipient_limit", "x", "y",
)  # fmt: skip
VALUES = st.lists(
    st.sampled_from([
        "10.0.2.0/24", "!10.0.2.7", "[::1]/128", "0.0.0.0/0", "300.1.1.1", "10.0.2.7/8", "$x", "${y?a}", "${x:b}", "$$",
        "hash:/t", "/t", "cidr:/t", "inline:{ a@b.de=c@d.de:p }", "static:u:p", "check_client_access", "permit",
        "[smtp.office365.com]:587", "host.example", "yes", "may", "encrypt", "!SSLv2", "TLSv1", "5d", "0",
        "999999999999", "-1", "all", "loopback-only", "a@b.de", "@b.de", "{", "}", ",", "\u202e", "é@ü.de",
    ]),
    max_size=6,
).map(" ".join)  # fmt: skip
TABLES = st.lists(
    st.tuples(st.sampled_from(["a@b.de", "@b.de", "[smtp.office365.com]:587", "10.0.3", "10.0.4.4", "é"]), VALUES),
    max_size=5,
).map(lambda rows: "".join(f"{key} {value}\n" for key, value in rows))
NOTHING = Given()
IN_TIME = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def is_good(found: Found, given_: Given = NOTHING) -> None:
    """What was found is a configuration that the loader takes; nothing is shown that a terminal would obey."""
    text = configuration(found, given_)
    parse(text)
    assert all(sign.isprintable() or sign == "\n" for sign in text)


@IN_TIME
@given(
    lines=st.lists(st.tuples(st.sampled_from(PARAMETERS), VALUES), max_size=12),
    table=TABLES,
    master=st.text(alphabet="smtp inet-oyn=25\n {}#", max_size=200),
)
def test_any_postfix_makes_a_good_configuration(lines: list[tuple[str, str]], table: str, master: str) -> None:
    """Whatever parameters, tables and services there are."""
    main = "".join(f"{name} = {value}\n" for name, value in lines)
    is_good(postfix(main, master, lambda _path: table))


@IN_TIME
@given(st.text(max_size=400), st.text(max_size=200))
def test_any_text_in_the_place_of_a_file(text: str, table: str) -> None:
    """No importer raises, and what little it finds is good."""
    for found in (
        postfix(text, table, lambda _path: table), oauth2_proxy(text, "/s"), iis(text), csv_list(text, "/s"),
        csv_list("name;address;login;mailbox;profile;recipients;owner\n" + text, "/s"),
    ):  # fmt: skip
        is_good(found)
        is_good(found, Given(tenant="contoso.com", mailbox="scanner@contoso.com", recipients=("*@contoso.com",)))


@IN_TIME
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a@b.de", "@b.de", "SMTP-25", "SMTP-99999", "IMAP-1", "emailproxy", "c@d.de"]),
            st.dictionaries(
                st.sampled_from([
                    "token_url", "client_id", "client_secret", "client_secret_encrypted", "oauth2_flow",
                    "local_address",
                    "server_address", "redirect_uri", "jwt_certificate_path", "jwt_key_path", "local_certificate_path",
                    "local_key_path", "local_starttls", "other",
                ]),
                st.sampled_from([
                    "https://login.microsoftonline.com/common/oauth2/v2.0/token", "client_credentials", "password", "",
                    "https://login.microsoftonline.com/b.de/oauth2/v2.0/token", "11111111-2222-3333-4444-555555555555",
                    "smtp.office365.com", "0.0.0.0", "::1", "fe80::1", "relay.local", "http://localhost", "/c.pem", "x",
                    "https://login.microsoftonline.us/b.de/oauth2/v2.0/token", "999.1.1.1", "::zz",
                ]),
                max_size=8,
            ),
        ),
        max_size=5,
    )
)  # fmt: skip
def test_any_proxy_makes_a_good_configuration(sections: list[tuple[str, dict[str, str]]]) -> None:
    """Whatever servers and accounts there are."""
    text = "".join(
        f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in options.items()) for name, options in sections
    )
    is_good(oauth2_proxy(text, "/s"))


@IN_TIME
@given(
    st.lists(
        st.tuples(st.integers(8, 32), st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4)), max_size=4,
        unique_by=lambda one: one[0],
    )
)  # fmt: skip
def test_a_relay_list_is_read_as_it_was_written(groups: list[tuple[int, list[int]]]) -> None:
    """Every address with its mask, however many lists there are; cut short anywhere it is refused, never misread."""
    octets = written(groups)
    expected = [f"{IPv4Network((one, 32)).network_address}/{mask_of(bits)}" for bits, ones in groups for one in ones]
    assert relay_list(octets) == (expected, [])
    for length in range(0, len(octets), 7):
        try:
            assert set(relay_list(octets[:length])[0]) <= set(expected)
        except (ValueError, struct.error):
            continue


@IN_TIME
@given(st.lists(st.text(alphabet="ab= \t#\n", max_size=30), max_size=8))
def test_a_continued_line_is_one_parameter(lines: list[str]) -> None:
    """No logical line holds a line end or begins with a space, and each begins where its number says."""
    text = "\n".join(lines)
    physical = text.splitlines()
    for number, line in logical_lines(text):
        assert "\n" not in line
        assert line.startswith(physical[number - 1].split("\t")[0].split(" ")[0])
    assert all(setting.line <= len(physical) for setting in main_cf(text).values())


def written(groups: list[tuple[int, list[int]]]) -> bytes:
    """An IPSECLIST with these granted addresses, by prefix length."""
    high, names = 0x8000_0000, 40 + 20 * len(groups)
    data, lists, offset = b"", b"", names + 16
    for bits, ones in groups:
        lists += struct.pack("<5I", 2, len(ones) + 1, 4, 0, offset | high)
        part = int(IPv4Network(f"0.0.0.0/{bits}").netmask).to_bytes(4, "big")
        part += b"".join(one.to_bytes(4, "big") for one in ones)
        data, offset = data + part, offset + len(part)
    head = struct.pack("<6I", 24 | high, 32 | high, names | high, (names + 8) | high, 1, offset)
    return head + struct.pack("<4I", 0, 0, len(groups), sum(len(ones) for _, ones in groups)) + lists + bytes(16) + data


def mask_of(bits: int) -> str:
    return str(IPv4Network(f"0.0.0.0/{bits}").netmask)
