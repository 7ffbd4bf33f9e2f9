// TLS as this server speaks it: 1.2 and later, with a certificate of the user's.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <filesystem>
#include <memory>

#include "base/result.h"

namespace fathom::server {

// Both files are PEM; the certificate's may hold a chain. Errors: invalid_argument naming the file.
Result<std::unique_ptr<boost::asio::ssl::context>> load_tls(const std::filesystem::path& certificate,
                                                            const std::filesystem::path& key);

}  // namespace fathom::server
