"""Mail accepted for one mailbox that leaves by another."""

from relay.message.address import Address
from relay.policy.moved import moved

HEAD = b'Received: x\r\nFrom: "Doe\r\n via relay" <Old@contoso.test>\r\nReply-To: <old@contoso.test>\r\n\r\n'


def test_the_new_mailbox_stands_where_the_policy_had_put_the_old_one():
    """Name and folds stay, other fields too."""
    head, sender = moved(HEAD, Address("old@contoso.test"), old="old@contoso.test", new="new@contoso.test")

    assert head == HEAD.replace(b"Old@contoso.test", b"new@contoso.test")
    assert sender == "new@contoso.test"


def test_what_the_device_wrote_of_others_stays():
    """A profile that keeps From never sent as its mailbox."""
    head = HEAD.replace(b"Old@", b"somebody@")

    assert moved(head, Address("x@y.test"), old="old@contoso.test", new="new@contoso.test") == (head, "x@y.test")
