// nodemailer.
const fs = require('fs');
const nodemailer = require('/usr/share/nodejs/nodemailer');
const e = process.env;

const transport = nodemailer.createTransport({
  host: e.SMTP_HOST,
  port: Number(e.SMTP_PORT),
  name: 'node.device.test',
  secure: e.SMTP_TLS === 'implicit',
  requireTLS: e.SMTP_TLS === 'starttls',
  ignoreTLS: e.SMTP_TLS === 'none',
  tls: { rejectUnauthorized: false },
  authMethod: e.SMTP_AUTH || undefined,
  auth: e.SMTP_AUTH ? { user: e.SMTP_USER, pass: e.SMTP_PASSWORD } : undefined,
});
transport
  .sendMail({
    from: e.MAIL_FROM,
    to: e.RCPT_TO,
    subject: e.SUBJECT,
    text: fs.readFileSync(0, 'utf8'),
    attachments: [{ filename: 'scan.bin', path: e.SCAN }],
  })
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
