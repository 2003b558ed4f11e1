// Jakarta Mail (JavaMail), as Java applications and many appliances use it.
import jakarta.mail.Message;
import jakarta.mail.Session;
import jakarta.mail.Transport;
import jakarta.mail.internet.InternetAddress;
import jakarta.mail.internet.MimeBodyPart;
import jakarta.mail.internet.MimeMessage;
import jakarta.mail.internet.MimeMultipart;
import java.nio.charset.StandardCharsets;
import java.util.Properties;

public class Send {
    static String env(String name) {
        return System.getenv(name);
    }

    static Properties settings() {
        Properties at = new Properties();
        at.put("mail.smtp.host", env("SMTP_HOST"));
        at.put("mail.smtp.port", env("SMTP_PORT"));
        at.put("mail.smtp.localhost", "java.device.test");
        at.put("mail.smtp.ssl.trust", "*");
        at.put("mail.smtp.ssl.checkserveridentity", "false");
        at.put("mail.smtp.ssl.enable", String.valueOf(env("SMTP_TLS").equals("implicit")));
        at.put("mail.smtp.starttls.required", String.valueOf(env("SMTP_TLS").equals("starttls")));
        at.put("mail.smtp.starttls.enable", String.valueOf(env("SMTP_TLS").equals("starttls")));
        at.put("mail.smtp.auth", String.valueOf(!env("SMTP_AUTH").isEmpty()));
        at.put("mail.smtp.auth.mechanisms", env("SMTP_AUTH"));
        at.put("mail.smtp.sasl.enable", String.valueOf(env("SMTP_AUTH").equals("CRAM-MD5"))); // Java's own SASL
        at.put("mail.smtp.sasl.mechanisms", env("SMTP_AUTH"));
        return at;
    }

    static MimeMessage message(Session session) throws Exception {
        MimeBodyPart text = new MimeBodyPart();
        text.setText(new String(System.in.readAllBytes(), StandardCharsets.UTF_8), "utf-8");
        MimeBodyPart scan = new MimeBodyPart();
        scan.attachFile(env("SCAN"));
        MimeMessage message = new MimeMessage(session);
        message.setFrom(env("MAIL_FROM"));
        message.setRecipient(Message.RecipientType.TO, new InternetAddress(env("RCPT_TO")));
        message.setSubject(env("SUBJECT"), "utf-8");
        message.setContent(new MimeMultipart(text, scan));
        message.saveChanges();
        return message;
    }

    public static void main(String[] arguments) throws Exception {
        Session session = Session.getInstance(settings());
        MimeMessage message = message(session);
        try (Transport transport = session.getTransport("smtp")) {
            if (env("SMTP_AUTH").isEmpty()) {
                transport.connect();
            } else {
                transport.connect(env("SMTP_USER"), env("SMTP_PASSWORD"));
            }
            transport.sendMessage(message, message.getAllRecipients());
        }
    }
}
