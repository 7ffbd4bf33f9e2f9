#include "server/tls.h"

namespace fathom::server {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

Result<std::unique_ptr<ssl::context>> load_tls(const std::filesystem::path& certificate,
                                               const std::filesystem::path& key) {
  auto context = std::make_unique<ssl::context>(ssl::context::tls_server);
  error_code error;
  context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv3 | ssl::context::no_tlsv1 |
                           ssl::context::no_tlsv1_1 | ssl::context::single_dh_use,
                       error);
  if (!error) context->use_certificate_chain_file(certificate.string(), error);
  if (error)
    return fail(ErrorCode::invalid_argument, "{}: not a readable certificate in PEM form: {}",
                certificate.string(), error.message());
  context->use_private_key_file(key.string(), ssl::context::pem, error);
  if (error)
    return fail(ErrorCode::invalid_argument, "{}: not a readable private key in PEM form that fits {}: {}",
                key.string(), certificate.string(), error.message());
  return context;
}

}  // namespace fathom::server
