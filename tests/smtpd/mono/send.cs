// A line-of-business program of 2012: .NET's own SmtpClient, STARTTLS, no look at the certificate.
using System;
using System.Net;
using System.Net.Mail;

class Send {
    static int Main(string[] args) {
        ServicePointManager.ServerCertificateValidationCallback = (sender, certificate, chain, errors) => true;
        try {
            var client = new SmtpClient("127.0.0.1", int.Parse(args[0])) { EnableSsl = true, Timeout = 10000 };
            client.Send("lob@device.test", "ann@contoso.test", "invoice", "hello");
            return 0;
        } catch (Exception error) {
            Console.WriteLine(error);
            return 1;
        }
    }
}
