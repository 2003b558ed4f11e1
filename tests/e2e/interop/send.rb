# The mail gem over Net::SMTP, as Rails applications use it.
require 'mail'

options = {
  address: ENV['SMTP_HOST'], port: ENV['SMTP_PORT'].to_i, domain: 'ruby.device.test', openssl_verify_mode: 'none',
  enable_starttls_auto: false, enable_starttls: ENV['SMTP_TLS'] == 'starttls', ssl: ENV['SMTP_TLS'] == 'implicit'
}
unless ENV['SMTP_AUTH'].empty?
  options.update(authentication: ENV['SMTP_AUTH'].downcase.tr('-', '_').to_sym,
                 user_name: ENV['SMTP_USER'], password: ENV['SMTP_PASSWORD'])
end

text = $stdin.read.force_encoding('UTF-8')
mail = Mail.new(charset: 'UTF-8')
mail.from = ENV['MAIL_FROM']
mail.to = ENV['RCPT_TO']
mail.subject = ENV['SUBJECT'].dup.force_encoding('UTF-8')
mail.text_part = Mail::Part.new { content_type 'text/plain; charset=UTF-8'; body text }
mail.attachments['scan.bin'] = File.binread(ENV['SCAN'])
mail.delivery_method :smtp, options
mail.deliver!
