<?php
// PHPMailer, as web shops and forms use it.
require '/usr/share/php/libphp-phpmailer/src/Exception.php';
require '/usr/share/php/libphp-phpmailer/src/SMTP.php';
require '/usr/share/php/libphp-phpmailer/src/PHPMailer.php';

$mail = new PHPMailer\PHPMailer\PHPMailer(true);
$mail->isSMTP();
$mail->Host = getenv('SMTP_HOST');
$mail->Port = (int) getenv('SMTP_PORT');
$mail->Timeout = 20;
$mail->SMTPAutoTLS = false;
$mail->SMTPSecure = ['none' => '', 'starttls' => 'tls', 'implicit' => 'ssl'][getenv('SMTP_TLS')];
$mail->SMTPOptions = ['ssl' => ['verify_peer' => false, 'verify_peer_name' => false, 'allow_self_signed' => true]];
if (getenv('SMTP_AUTH') !== '') {
    $mail->SMTPAuth = true;
    $mail->AuthType = getenv('SMTP_AUTH');
    $mail->Username = getenv('SMTP_USER');
    $mail->Password = getenv('SMTP_PASSWORD');
}
$mail->CharSet = 'utf-8';
$mail->Encoding = '8bit';
$mail->setFrom(getenv('MAIL_FROM'));
$mail->addAddress(getenv('RCPT_TO'));
$mail->Subject = getenv('SUBJECT');
$mail->Body = stream_get_contents(STDIN);
$mail->addAttachment(getenv('SCAN'), 'scan.bin');
$mail->send();
