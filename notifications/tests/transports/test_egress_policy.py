from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.transports.http.egress_policy import LONGEST_URL, Policy, RefusedUrl, check_url

PUBLIC = Policy.of([], [80, 443])
HOME = Policy.of(["10.0.0.0/8:*", "127.0.0.0/8:*", "[fd00::/8]:*"], [80, 443])

REFUSED_ADDRESSES = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254
    168.63.129.16 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1
    192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.250
    240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
    ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b:1::7f00:1 100::1 2001::1
    2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe:: 2002:a00:1::1
    3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1
"""

PUBLIC_ADDRESSES = """
    1.1.1.1 8.8.8.8 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 172.15.255.255
    172.32.0.1 192.167.255.255 223.255.255.255 2606:4700:4700::1111 2a00:1450:4001::1
    ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1
"""


@pytest.mark.parametrize("address", REFUSED_ADDRESSES.split())
def test_address_that_is_not_public_is_refused_with_the_setting_that_allows_it(address):
    assert "FOAM_ALLOWED_PRIVATE_NETWORKS" in PUBLIC.refusal(address, 443)


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES.split())
def test_public_address_may_be_connected_to(address):
    assert PUBLIC.refusal(address, 443) == ""


@given(st.ip_addresses())
def test_what_python_calls_not_global_is_refused(address):
    mapped = getattr(address, "ipv4_mapped", None)
    assert address.is_global or mapped or PUBLIC.refusal(str(address), 443)


@given(st.ip_addresses(v=4))
def test_wrapping_an_ipv4_address_in_ipv6_does_not_change_the_answer(address):
    number = int(address)
    wrapped = [0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80]
    plain = PUBLIC.refusal(str(address), 443)
    assert {PUBLIC.refusal(str(ip_address(each)), 443) for each in wrapped} == {plain}


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "127.0.0.1", "fd12::1", "::ffff:10.1.2.3", "64:ff9b::a01:203"]
)
def test_address_in_an_allowed_network_may_be_connected_to_on_its_ports(address):
    assert HOME.refusal(address, 8080) == ""


@pytest.mark.parametrize(
    ("item", "allowed", "refused"),
    [
        ("10.0.0.5", [80, 443], [22, 6379, 8443]),
        ("10.0.0.0/24", [80, 443], [22, 6379, 8443]),
        ("10.0.0.5:8443", [8443], [80, 443, 5432]),
        ("10.0.0.0/24:8000-8002", [8000, 8002], [443, 7999, 8003]),
        ("10.0.0.0/24:*", [1, 6379, 65535], []),
    ],
)
@pytest.mark.parametrize("address", ["10.0.0.5", "::ffff:10.0.0.5", "64:ff9b::a00:5"])
def test_allowed_network_has_its_ports_and_80_and_443_where_none_stands(
    item, allowed, refused, address
):
    policy = Policy.of([item], [80, 443, 8443])
    assert [policy.refusal(address, port) for port in allowed] == [""] * len(allowed)
    for port in refused:
        assert f"port {port} of a private network" in policy.refusal(address, port)
        with pytest.raises(RefusedUrl, match="FOAM_ALLOWED_PRIVATE_NETWORKS"):
            check_url(f"http://10.0.0.5:{port}/", policy)


@pytest.mark.parametrize("item", ["[fd00::/8]:8443", "[fd00::]/8:8443"])
def test_ipv6_network_with_ports_stands_in_brackets(item):
    policy = Policy.of([item], [80, 443])
    assert policy.refusal("fd12::1", 8443) == ""
    assert "FOAM_ALLOWED_PRIVATE_NETWORKS" in policy.refusal("fd12::1", 443)


@pytest.mark.parametrize(
    "item",
    [
        "10.0.0.5:",
        "10.0.0.5:0",
        "10.0.0.5:65536",
        "10.0.0.5:9-8",
        "10.0.0.5:http",
        "10.0.0.5:8,9",
        "10.0.0.0/33",
        ":80",
        "*",
        "fd00::5:8443",
        "fd00::/8:8443",
        "[10.0.0.5",
        "[fd00::5:80",
        "[fd00::5]80",
        "10.0.0.5:-1",
        "10.0.0.5:80-",
    ],
)
def test_item_that_is_no_network_with_ports_is_refused(item):
    with pytest.raises(ValueError):  # noqa: PT011 - the text is the item, or of ipaddress
        Policy.of([item], [80])


def test_local_name_is_refused_on_a_port_that_no_allowed_network_has():
    policy = Policy.of(["127.0.0.0/8:8443"], [80, 443])
    assert check_url("http://localhost:8443/", policy).port == 8443
    for url in ("http://localhost:6379/", "http://gotify:6379/"):
        with pytest.raises(RefusedUrl, match="FOAM_ALLOWED_PRIVATE_NETWORKS"):
            check_url(url, policy)


def test_user_without_the_right_has_the_policy_without_networks():
    assert "private" in Policy.of(["10.0.0.0/8:*"], [80]).without_networks().refusal("10.0.0.1", 80)


@pytest.mark.parametrize("address", ["192.168.1.1", "::1", "169.254.169.254"])
def test_allowing_one_private_network_allows_no_other(address):
    assert "FOAM_ALLOWED_PRIVATE_NETWORKS" in HOME.refusal(address, 443)


def test_public_address_on_another_port_is_refused_with_the_setting_that_allows_it():
    assert "FOAM_WEBHOOK_PORTS" in HOME.refusal("8.8.8.8", 25)


REFUSED_URLS = [
    # not http
    "",
    "example.com",
    "//example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com:80/_x",
    "javascript:alert(1)",
    "http:example.com",
    "http:///path",
    "https://",
    "https://:443/",
    # who else is meant
    "https://user@example.com/",
    "https://user:password@example.com/",
    "https://@example.com/",
    "https://example.com@127.0.0.1/",
    "https://example.com#@127.0.0.1/",
    "https://example.com/#",
    "https://127.0.0.1\\@example.com/",
    "https://example.com\\.evil.test/",
    # ports
    "https://example.com:22/",
    "https://example.com:0/",
    "https://example.com:65536/",
    "https://example.com:-1/",
    "https://example.com:x/",
    "https://example.com:80:443/",
    "https://8.8.8.8:8080/",
    # characters
    "https://exa mple.com/",
    "https://example.com/a b",
    "https://example.com/\r\nX: y",
    "https://example.com/\x00",
    "https://exam\tple.com/",
    "https://example.com/\u200b",
    "https://example.com/\u2028",
    "https://exa%6dple.com/",
    "https://ex_ample..com/",
    "https://-example.com/",
    "https://.example.com/",
    "https://exam*ple.com/",
    f"https://{'a' * 64}.com/",
    f"https://{'a.' * 130}com/",
    f"https://example.com/{'a' * LONGEST_URL}",
    # names that look like others
    "https://１２７.０.０.１/",
    "https://127。0。0。1/",
    "https://ⓔxample.com/",
    "https://\u212aate.example/",
    "https://❤.example/",
    "https://℀.com/",
    f"https://{'ä' * 60}.com/",
    # addresses that are not public, and odd ways to write them
    "http://127.0.0.1/",
    "http://127.0.0.1./",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0X7F.0.0.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://127.0.0.0x1/",
    "http://1.1.1.1.1/",
    "http://256.1.1.1/",
    "http://0/",
    "http://10.0.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[2606:4700::1111%1]/",
    "http://[v1.fe80]/",
    "http://[::1/",
    "http://[127.0.0.1]/",
    "http://::1/",
    # local names
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://a.localhost/",
    "http://localhost.localdomain/",
    "http://postgres/",
    "http://printer.local/",
    "http://metadata.google.internal/",
    "http://router.home.arpa/",
]


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_hostile_url_is_refused(url):
    with pytest.raises(RefusedUrl):
        check_url(url, PUBLIC)


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.COM:443/Path?q=A", "https://example.com/Path?q=A"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("http://example.com:/", "http://example.com/"),
        ("https://example.com./", "https://example.com/"),
        ("https://bücher.example/käse?q=ü", "https://xn--bcher-kva.example/k%C3%A4se?q=%C3%BC"),
        ("https://faß.de/", "https://xn--fa-hia.de/"),
        ("https://FAß.de./", "https://xn--fa-hia.de/"),
        ("https://bücher。example/", "https://xn--bcher-kva.example/"),
        ("https://example.com/a%20b/[c]?x=<y>", "https://example.com/a%20b/%5Bc%5D?x=%3Cy%3E"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2606:4700:0:0::1111]/", "https://[2606:4700::1111]/"),
        ("https://[::ffff:8.8.8.8]/", "https://[::ffff:808:808]/"),
        ("https://hooks.example.com/a/b;c,d/?token=x&y=z", None),
    ],
)
def test_url_is_stored_in_its_canonical_form(url, canonical):
    assert check_url(url, PUBLIC).url == (canonical or url)


@pytest.mark.parametrize("url", ["https://bücher.example/ä%20b?q=%zz", "http://example.com:443/"])
def test_canonical_form_stays_as_it_is(url):
    once = check_url(url, PUBLIC).url
    assert check_url(once, PUBLIC).url == once


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://localhost/", "http://postgres/"])
def test_refusal_of_a_private_url_names_the_setting_that_allows_it(url):
    with pytest.raises(RefusedUrl, match="FOAM_ALLOWED_PRIVATE_NETWORKS"):
        check_url(url, PUBLIC)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1:8080/",
        "http://[fd00::1]:9000/",
        "http://localhost:9000/",
        "http://receiver:9000/",
        "http://printer.local/",
    ],
)
def test_local_url_is_accepted_on_any_port_when_its_network_is_allowed(url):
    assert check_url(url, HOME).url == url


def test_localhost_is_refused_when_another_private_network_is_allowed():
    with pytest.raises(RefusedUrl, match="FOAM_ALLOWED_PRIVATE_NETWORKS"):
        check_url("http://localhost/", Policy.of(["10.0.0.0/8"], [80]))


@given(st.text(max_size=60))
def test_any_text_is_refused_or_accepted_and_nothing_else(text):
    for url in (text, f"https://{text}", f"https://{text}/", f"https://[{text}]/"):
        try:
            target = check_url(url, PUBLIC)
        except RefusedUrl:
            continue
        assert target.url.isascii()
        assert check_url(target.url, PUBLIC) == target


@pytest.mark.parametrize(
    ("port", "is_allowed"), [(80, True), (7999, False), (8000, True), (8999, True), (9000, False)]
)
def test_ports_may_be_ranges(port, is_allowed):
    for ranges in ([80, (8000, 8999)], [80, [8000, 8999]]):
        assert (Policy.of([], ranges).port_refusal(port) == "") is is_allowed
