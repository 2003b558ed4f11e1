"""Verdict rows for sessions that ended without an answer: name service, network, TLS. The mail is always kept."""

from __future__ import annotations

from relay.message.outcome import Scope
from relay.policy.verdict import Class, LostRow

_PRINTERS = "Microsoft SupportArticles, printers, scanners and LOB applications"
_OPEN = "Open TCP {port} to {host} in the firewall and check:  nc -vz {host} {port}"
_OUR_CERTIFICATE = (
    "profiles.{profile}.connector.certificate must be in force, from an authority that Microsoft trusts, with its "
    "intermediates in the file, and its name the TlsSenderCertificateName of the inbound connector: "
    "Get-InboundConnector"
)
_ANSWERED = ("mail", "rcpt", "data", "final")

_UNREAD = r"the stored message cannot be read: .*"

LOST = (
    LostRow(
        rule="spool.key-missing",
        cls=Class.HOLD,
        scope=Scope.MESSAGE,
        says=_UNREAD + r"is sealed with key [0-9a-f]{16}, which is not there",
        answer="the stored message cannot be read: message 01M8: it is sealed with key 0f1e2d3c4b5a6978, which is not "
        "there; put that key back under spool.encryption.old_keys, then restart the relay",
        meaning="This message was encrypted with a key that the relay does not have now.",
        remedy="Put that key back under spool.encryption.old_keys, then restart the relay: the message goes on by "
        "itself. Without the key nobody can read it any more",
        source="this relay",
    ),
    LostRow(
        rule="spool.altered",
        cls=Class.CORRUPT,
        scope=Scope.MESSAGE,
        says=_UNREAD + r"(it is not what was sealed|it has \d+ octets, \d+ were spooled|octets are missing at the end)",
        answer="the stored message cannot be read: bodies/01M8: it is not what was sealed: altered, cut short, or of "
        "another message",
        meaning="What is stored of this message is not what was accepted; it was not sent.",
        remedy="Look at the disk and at who can write to data_dir. Restore what the answer names from a backup "
        "and release the message, or drop it and let it be sent anew",
        source="this relay",
    ),
    LostRow(
        rule="local.body-unreadable",
        cls=Class.CONFIGURATION,
        scope=Scope.MESSAGE,
        says=r"the stored message cannot be read",
        answer="the stored message cannot be read: No such file or directory",
        meaning="The relay's own disk does not give the body of this message back; Exchange was not asked.",
        remedy="Look at data_dir: was a file below spool/bodies removed, does the disk report errors? Put the file "
        "back, or give the message up",
        source="this relay",
    ),
    LostRow(
        rule="local.ca-file",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says=r"^the CA file .+ cannot be used",
        answer="the CA file /etc/relay/ca.pem cannot be used: [Errno 2] No such file or directory",
        meaning="The relay cannot read whom it is to trust, so that it speaks to nobody.",
        remedy="Put the CA file that the answer names back, readable for the relay's user, in PEM; or take the option "
        "ca_file out. Look: relay check",
        source="this relay",
    ),
    LostRow(
        rule="local.certificate",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says=r"^the certificate .+ with key ",
        answer="the certificate {file: relay.crt} with key {file: relay.key}: No such file or directory",
        meaning="The relay cannot read the certificate that it shows to the server.",
        remedy="Mend profiles.{profile}.connector.certificate and private_key as the answer says. Look: relay check",
        source="this relay",
    ),
    LostRow(
        rule="lost.own-certificate-refused",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says=r"alert[ _](unknown[ _]ca|bad[ _]cert|cert|access[ _]denied).*showed the certificate",
        stages=("starttls", "ehlo"),
        answer="[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca, right after the relay showed the certificate "
        "file:relay.crt",
        meaning="The server does not take the certificate that the relay shows.",
        remedy=_OUR_CERTIFICATE,
        source="RFC 8446 §6.2",
    ),
    LostRow(
        rule="lost.own-certificate",
        cls=Class.TRANSIENT,
        scope=Scope.PROFILE,
        says=r"right after the relay showed the certificate",
        stages=("starttls", "ehlo"),
        answer="Unexpected EOF received, right after the relay showed the certificate file:relay.crt",
        meaning="The server closed the connection right after TLS: by TLS 1.3 that is how a refused client certificate "
        "shows, and a broken line looks the same.",
        remedy="If it lasts: " + _OUR_CERTIFICATE,
        source="RFC 8446 §4.4.2, §6.2",
        patience_s=3600.0,
    ),
    LostRow(
        rule="lost.proxy-refused",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says=r"\bthe proxy answered 4\d\d\b",
        stages=("connect",),
        answer="the proxy answered 407 Proxy Authentication Required to CONNECT",
        meaning="The proxy does not let the relay pass.",
        remedy="Let the proxy pass {host}:{port} unauthenticated, or write user and password into outgoing.https_proxy",
        source="RFC 9110 §9.3.6",
    ),
    LostRow(
        rule="lost.proxy",
        cls=Class.TRANSIENT,
        scope=Scope.SITE,
        says=r"\bthe proxy (answered|closed)\b",
        stages=("connect",),
        answer="the proxy answered 502 Bad Gateway to CONNECT",
        meaning="The proxy does not reach the server.",
        remedy="Nothing to do: the relay tries again. If it lasts: see at the proxy (outgoing.https_proxy) whether it "
        "reaches {host}:{port}",
        source="RFC 9110 §9.3.6",
    ),
    LostRow(
        rule="lost.certificate",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says=r"certificate|hostname mismatch|doesn't match|self[- ]signed|unable to get (local )?issuer",
        answer="certificate verify failed: self-signed certificate in certificate chain",
        meaning="The server's certificate is not trusted: a TLS inspection box stands in between, the name is not the "
        "certificate's, or this machine lacks the root certificates.",
        remedy="Exempt {host}:{port} from TLS inspection, or trust the box: profiles.{profile}.endpoint.ca_file "
        "(by Graph: graph.ca_file); use the DNS name as endpoint.host, never an address. Look: openssl s_client "
        "-starttls smtp -connect {host}:{port}   (by Graph: without -starttls smtp)",
        source="RFC 3207 §6; " + _PRINTERS,
    ),
    LostRow(
        rule="lost.starttls-missing",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says=r"not offer starttls|"
        r"starttls.*(not (supported|offered|advertised|available)|missing|extension)|(no|without) starttls",
        answer="smtp.office365.com:587 does not offer STARTTLS",
        meaning="The server does not offer STARTTLS, and nothing is sent in clear: something on the way strips it, or "
        "this is not Exchange Online.",
        remedy="Switch off SMTP inspection (fixup) for {host}:{port} in the firewall; check endpoint.host and "
        "endpoint.port of profile {profile}",
        source="RFC 3207 §6",
    ),
    LostRow(
        rule="lost.sign-in-missing",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says=r"not offer (auth )?xoauth2|"
        r"xoauth2.*(not (supported|offered|advertised|available)|missing)|no suitable authentication|"
        r"auth(entication)? (extension )?(is )?not (supported|offered|advertised|available)",
        answer="smtp.office365.com:587 does not offer AUTH XOAUTH2",
        meaning="The server offers no XOAUTH2.",
        remedy="Check endpoint.host of profile {profile}: {smtp_host}, port 587",
        source="Microsoft, authenticate an IMAP, POP or SMTP connection using OAuth",
    ),
    LostRow(
        rule="lost.tls",
        cls=Class.TRANSIENT,
        scope=Scope.SITE,
        says=r"\bssl\b|\btls\b|handshake|wrong version number",
        stages=("connect", "greeting", "ehlo", "starttls"),
        answer="[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version",
        meaning="The TLS handshake failed.",
        remedy="Look: openssl s_client -starttls smtp -connect {host}:{port}   (by Graph: without -starttls smtp; TLS "
        "1.2 or newer must be agreed on); exempt {host} from TLS inspection",
        source=_PRINTERS,
    ),
    LostRow(
        rule="lost.name",
        cls=Class.TRANSIENT,
        scope=Scope.SITE,
        says=r"name or service not known|name resolution|getaddrinfo|nodename nor servname|no address associated|"
        r"cannot be resolved|could not resolve|name not found|\bdns\b|gaierror",
        stages=("connect",),
        answer="Name or service not known",
        meaning="The name of the server could not be resolved.",
        remedy="Check the name service of this machine:  nslookup {host}   and endpoint.host of profile {profile}",
        source=_PRINTERS,
    ),
    LostRow(
        rule="lost.connect",
        cls=Class.TRANSIENT,
        scope=Scope.SITE,
        stages=("connect",),
        answer="timed out; connection refused; network is unreachable; no route to host",
        meaning="No connection to the server: the network or a firewall is in the way.",
        remedy=_OPEN,
        source=_PRINTERS,
    ),
    LostRow(
        rule="lost.timeout",
        cls=Class.TRANSIENT,
        scope=Scope.MESSAGE,
        says=r"time[d ]?[- ]?out",
        stages=_ANSWERED,
        answer="timed out (within a message)",
        meaning="The server stopped answering within a message.",
        remedy="Nothing to do: the relay tries again. If it lasts, look at the line to {host} (MTU, inspection of "
        "large mails) and at delivery.reply_timeout_s",
        source="RFC 5321 §4.5.3.2",
    ),
    LostRow(
        rule="lost.session",
        cls=Class.TRANSIENT,
        scope=Scope.MESSAGE,
        stages=_ANSWERED,
        answer="connection reset; closed (within a message)",
        meaning="The session broke within a message.",
        remedy="Nothing to do: the relay tries again. If it lasts, look at the line to {host}",
        source="RFC 5321 §4.2.4.2",
    ),
    LostRow(
        rule="lost.greeting",
        cls=Class.TRANSIENT,
        scope=Scope.SITE,
        answer="timed out; connection reset; closed (before signing in was done)",
        meaning="The session broke before any message.",
        remedy="Nothing to do: the relay tries again. If it lasts: " + _OPEN,
        source=_PRINTERS,
    ),
)
