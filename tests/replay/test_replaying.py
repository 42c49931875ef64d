"""The replay itself: what it reads, and what it would notice."""

import hashlib
import json

import pytest
from replaying.compare import Vocabulary, differences
from replaying.recordings import keys, load
from replaying.wire import Reply

_STAND_INS = {
    "{API}": "http://localhost:8000",
    "{WB}": "http://localhost:7777",
    "{WEB}": "http://localhost:5000",
    # Beside it the web's host is percent-encoded on the wire, which adds eight characters.
    "{MFR}": "http://localhost:7778" + 8 * "+",
}
_OURS = {
    "{API}": "http://127.0.0.1:11111",
    "{WEB}": "http://127.0.0.1:11111",
    "{MFR}": "http://127.0.0.1:11111",
    "{WB}": "http://127.0.0.1:22222",
}


def _encoded(exchange, hosts):
    if exchange.target.startswith("/v2"):
        text = json.dumps(exchange.answer.body, ensure_ascii=False, separators=(",", ":"))
    else:
        text = json.dumps(exchange.answer.body).replace("</", "<\\/")
    for name, host in hosts.items():
        text = text.replace(name, host)
    return text


def _json_answers():
    return [
        exchange
        for key in keys()
        for exchange in load(key).requests
        if not isinstance(exchange.answer.body, bytes)
        and "Content-Length" in exchange.answer.headers
        and "response" not in exchange.answer.body
    ]


def test_the_copies_are_complete():
    # Byte for byte what was recorded: the length of every body says so.
    answers = _json_answers()
    assert len(answers) > 350
    for exchange in answers:
        length = int(exchange.answer.headers["Content-Length"])
        assert len(_encoded(exchange, _STAND_INS).encode()) == length, str(exchange)


def test_a_request_is_read_with_all_its_parts():
    exchange = load("05").requests[2]
    assert (exchange.method, exchange.token) == ("PUT", "test-token-rw")
    assert exchange.target.endswith("/?kind=file&name=cr2.bin")
    assert exchange.headers == {"Content-Range": "bytes 0-4/10", "Content-Length": "5"}
    assert exchange.body == b"ABCDE"
    assert exchange.answer.status == 201
    assert exchange.answer.body["data"]["attributes"]["name"] == "cr2.bin"
    assert exchange.notes[0].startswith("CUT-OFF uploads")


def test_long_bodies_have_their_length():
    assert load("05").requests[4].body == b"q" * 20_000_000
    assert load("01").requests[12].answer.body == b""


# The answer to a renaming, with names for whatever the emulator would call otherwise.
_EXCHANGE = load("09").requests[0]
_ID = "6b0330c424b18268fea3f550"
_OTHER_ID = "6bffffffffffffffffffffff"


def _reply():
    """Return the recorded answer as the emulator would give it."""
    text = _encoded(_EXCHANGE, _OURS).replace(_ID, _OTHER_ID)
    data = json.loads(text)
    etag = hashlib.sha256(f"osfstorage::2::/{_OTHER_ID}".encode()).hexdigest()
    data["data"]["attributes"]["etag"] = etag
    headers = dict(_EXCHANGE.answer.headers)
    return data, headers


def _found(data, headers, status=201, text=None):
    words = Vocabulary(_OURS["{WB}"], _OURS["{API}"], ())
    body = (text or json.dumps(data).replace("</", "<\\/")).encode()
    headers = {**headers, "Content-Length": str(len(body))}
    return {place for place, _ in differences(_EXCHANGE, Reply(status, headers, body), words)}


def test_other_ids_and_hosts_are_no_difference():
    assert _found(*_reply()) == set()


def test_other_times_are_none_if_they_fit_together():
    data, headers = _reply()
    facts = data["data"]["attributes"]
    facts["modified"] = facts["modified_utc"] = "2027-01-01T00:00:00.000001+00:00"
    assert _found(data, headers) == set()
    facts["modified_utc"] = "2027-01-01T00:00:00.000002+00:00"
    assert _found(data, headers) == {"body.data.attributes.modified_utc"}
    facts["modified_utc"] = "2027-01-01T00:00:00+00:00"
    assert "body.data.attributes.modified_utc" in _found(data, headers)


def test_ids_have_to_fit_together():
    data, headers = _reply()
    data["data"]["attributes"]["path"] = "/6baaaaaaaaaaaaaaaaaaaaaa"
    places = {"body.data.attributes.path", "body.data.attributes.etag"}
    assert _found(data, headers) == places


@pytest.mark.parametrize("value", [6, "3", None])
def test_a_value_or_its_type_is_a_difference(value):
    data, headers = _reply()
    data["data"]["attributes"]["size"] = value
    assert "body.data.attributes.size" in _found(data, headers)


def test_a_name_or_the_order_of_names_is_a_difference():
    data, headers = _reply()
    data["data"]["attributes"]["more"] = 1
    assert "body.data.attributes" in _found(data, headers)
    del data["data"]["attributes"]["more"]
    data["data"] = dict(reversed(data["data"].items()))
    assert _found(data, headers) == {"body.data"}


def test_the_status_is_a_difference():
    assert _found(*_reply(), status=200) == {"status"}


def test_the_way_in_which_json_is_written_is_a_difference():
    data, headers = _reply()
    assert "body" in _found(data, headers, text=json.dumps(data, separators=(",", ":")))


@pytest.mark.parametrize("name", ["Content-Type", "X-Waterbutler-Request-Id"])
def test_a_header_that_is_missing_is_a_difference(name):
    data, headers = _reply()
    del headers[name]
    assert _found(data, headers) == {f"header {name}"}


def test_a_telling_header_that_was_not_there_is_a_difference():
    data, headers = _reply()
    assert _found(data, {**headers, "Retry-After": "3"}) == {"header Retry-After"}
