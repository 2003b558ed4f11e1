# Net::SMTP with Authen::SASL and IO::Socket::SSL. The library brings no MIME: the message is written by hand.
use strict;
use warnings;
use Authen::SASL;
use MIME::Base64 qw(encode_base64);
use Net::SMTP;

my %e = %ENV;
my $text = do { local $/; <STDIN> };
open(my $file, '<:raw', $e{SCAN}) or die "$e{SCAN}: $!";
my $scan = do { local $/; <$file> };
my @tls = (SSL_verify_mode => 0);

my $smtp = Net::SMTP->new($e{SMTP_HOST}, Port => $e{SMTP_PORT}, Hello => 'perl.device.test', Timeout => 20,
    SSL => $e{SMTP_TLS} eq 'implicit', @tls) or die "no session: $@";
if ($e{SMTP_TLS} eq 'starttls') { $smtp->starttls(@tls) or die 'STARTTLS: ' . $smtp->message }
if ($e{SMTP_AUTH}) {
    my $sasl = Authen::SASL->new(mechanism => $e{SMTP_AUTH},
        callback => { user => $e{SMTP_USER}, authname => '', pass => $e{SMTP_PASSWORD} });
    $smtp->auth($sasl) or die 'AUTH: ' . $smtp->message;
}
$smtp->mail($e{MAIL_FROM}) or die 'MAIL: ' . $smtp->message;
$smtp->to($e{RCPT_TO}) or die 'RCPT: ' . $smtp->message;
$smtp->data(
    "From: $e{MAIL_FROM}\nTo: $e{RCPT_TO}\nSubject: =?utf-8?B?" . encode_base64($e{SUBJECT}, '') . "?=\n",
    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=cut\n\n",
    "--cut\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n", $text,
    "\n--cut\nContent-Type: application/octet-stream; name=scan.bin\nContent-Transfer-Encoding: base64\n\n",
    encode_base64($scan), "--cut--\n",
) or die 'DATA: ' . $smtp->message;
$smtp->quit;
