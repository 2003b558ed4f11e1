"""What Postfix's other parameters come to here: those that need no counterpart, and those that are told, with why."""

from __future__ import annotations

import re

CARRIED = frozenset({
    "mynetworks", "relayhost", "smtp_sasl_password_maps", "message_size_limit", "myhostname", "mydomain",
    "smtpd_tls_cert_file", "smtpd_tls_key_file", "smtpd_tls_security_level", "smtpd_use_tls", "smtpd_enforce_tls",
    "smtpd_sasl_auth_enable", "smtpd_recipient_limit", "maximal_queue_lifetime", "inet_interfaces", "inet_protocols",
    "smtpd_tls_protocols", "smtpd_tls_mandatory_protocols", "smtp_bind_address", "sender_dependent_relayhost_maps",
    "sender_dependent_default_transport_maps", "smtpd_client_restrictions", "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions", "smtpd_client_connection_count_limit", "smtp_sender_dependent_authentication",
})  # fmt: skip
"""Read by `postfix`; what of them has no counterpart is told there."""

# Where Postfix itself lives, how it talks to Exchange, how it logs and queues: the relay has its own ways.
_OWN = re.compile(
    r"(compatibility_level|append_dot_mydomain|biff|debug\w*|mail_owner|setgid_group|default_privs|\w+_directory"
    r"|\w+_path|mail_name|mail_version|alias_database|default_database_type|default_privs|smtpd_banner|myorigin"
    r"|recipient_delimiter|mailbox_size_limit|syslog_\w+|maillog_\w+|tls_random_source|\w+_session_cache_\w+"
    r"|smtp_sasl_(auth_enable|security_options|tls_security_options|mechanism_filter|type|path)|smtpd_sasl_(type|path"
    r"|security_options|tls_security_options|authenticated_header|local_domain)|smtp_tls_\w+|smtp_use_tls"
    r"|smtp_enforce_tls|smtp_helo_name|disable_vrfy_command|smtpd_helo_required|strict_\w+|delay_warning_time|unknown_\w+"
    r"|(minimal|maximal)_backoff_time|queue_run_delay|bounce_\w+|notify_classes|default_destination_\w+|smtp_\w+_timeout"
    r"|smtpd_timeout|relay_destination_\w+|smtp_destination_\w+|mynetworks_style|smtpd_tls_(loglevel|received_header"
    r"|ask_ccert|dh\w*|eecdh_grade|exclude_ciphers|mandatory_ciphers|mandatory_exclude_ciphers|ciphers|CAfile|CApath)"
    r"|broken_sasl_auth_clients|default_process_limit|enable_long_queue_ids)"
)
_ALIASES = (
    "the relay has no local mailboxes and no aliases",
    "make it a group or a shared mailbox in Exchange, or change the recipient in the device",
)
_REWRITING = (
    "addresses are rewritten by the profile's From policy here, not by a table",
    "choose profiles.NAME.from: mailbox, person or send_as (docs/reference/from-policy.md)",
)
_FILTERS = (
    "the relay does not filter content; it repairs what legacy devices do wrong",
    "filter in Exchange Online, by a mail flow rule",
)
_ROUTES = (
    "all mail leaves by the profile of its device; Exchange Online routes it further",
    "route in Exchange Online, by a connector or a mail flow rule",
)
_COPIES = ("the relay sends no copies", "copy in Exchange Online, by a mail flow rule or journaling")
_ACCESS = (
    "who may send, as whom and to whom is set for each device here",
    "set address or login, senders and recipients of the devices",
)
_TABLE: tuple[tuple[str, tuple[str, str]], ...] = (
    (r"alias_maps|virtual_\w+|mydestination|local_\w+|luser_relay|mailbox_\w+|home_mailbox|forward_path", _ALIASES),
    (r"\w*canonical\w*|smtp_generic_maps|masquerade_\w+|remote_header_rewrite_domain|sender_bcc_rewrite", _REWRITING),
    (r"header_checks|body_checks|mime_header_checks|nested_header_checks|smtp_header_checks|content_filter", _FILTERS),
    (r"smtpd_milters|non_smtpd_milters|milter_\w+|smtpd_proxy_\w+|receive_override_options", _FILTERS),
    (r"transport_maps|relay_domains|relay_transport|default_transport|relay_recipient_maps|fallback_relay", _ROUTES),
    (r"smtp_fallback_relay|relocated_maps", _ROUTES),
    (r"always_bcc|(sender|recipient)_bcc_maps", _COPIES),
    (r"smtpd_(helo|sender|data|end_of_data|etrn)_restrictions|smtpd_restriction_classes|smtpd_reject_\w+", _ACCESS),
    (r"smtpd_sender_login_maps|permit_mx_backup_networks|smtpd_delay_reject|address_verify_\w+", _ACCESS),
    (
        r"smtpd_client_(message|recipient)_rate_limit|anvil_\w+|smtpd_client_connection_rate_limit",
        ("rates are counted by device and hour here", "set messages_per_hour of the devices, or under defaults"),
    ),
    (
        r"smtpd_tls_chain_files|smtpd_tls_(e?c|ed|d)\w*(cert|key)_file",
        ("the relay has one certificate and one key", "set tls.certificate and tls.private_key"),
    ),
    (
        r"smtpd_tls_auth_only",
        ("whether a login needs encryption is the listener's", "set tls: required on a listener for logins"),
    ),
    (
        r"smtpd_upstream_proxy_protocol",
        ("the PROXY header is set for a listener", "set listeners[].proxy_protocol with its load balancer"),
    ),
    (
        r"smtpd_tls_wrappermode",
        ("implicit TLS is set for a listener", "set tls: implicit on the listener of port 465"),
    ),
)


def is_own(name: str) -> bool:
    """Whether a parameter is about Postfix itself."""
    return bool(_OWN.fullmatch(name))


def told(name: str) -> tuple[str, str]:
    """Why a parameter was not carried over, and what to do."""
    for pattern, words in _TABLE:
        if re.fullmatch(pattern, name):
            return words
    return ("this import does not know it", "look whether anything depends on it: postconf(5)")
