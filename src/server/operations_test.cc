// What those who run a server see of it: metrics, the access log, limits per key, TLS.
#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <fstream>
#include <mutex>

#include "server/server.h"
#include "server/test_client.h"
#include "testing/test_data.h"
#include "text/json.h"

namespace fathom::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Log {
 public:
  std::function<void(std::string_view)> writer() {
    return [this](std::string_view line) {
      const std::lock_guard lock(mutex_);
      lines_.emplace_back(line);
    };
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  // The line of number `index`, once it is there.
  text::Json line(std::size_t index) {
    EXPECT_TRUE(eventually([&] { return lines().size() > index; }));
    return text::parse_json(lines().at(index)).value();
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

std::string text_at(const text::Json& json, std::string_view key) {
  const text::Json* value = json.find(key);
  return value ? value->text : "(absent)";
}

TEST(Operations, MetricsCountRequestsByPathAndStatus) {
  TestService service;
  const auto server = Server::start({}, service).value();
  TestClient client(server->port());
  client.post("/echo", "x");
  client.post("/echo", "x");
  client.get("/health");
  const auto reply = client.get("/metrics");
  EXPECT_THAT(reply.head, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  EXPECT_THAT(reply.body, HasSubstr("fathom_requests_total{path=\"/echo\",code=\"200\"} 2\n"));
  EXPECT_THAT(reply.body, HasSubstr("fathom_requests_total{path=\"/health\",code=\"200\"} 1\n"));
  EXPECT_THAT(reply.body, HasSubstr("fathom_request_seconds_count 3\n"));
  EXPECT_THAT(reply.body, HasSubstr("fathom_build_info{version="));
  EXPECT_THAT(reply.body, HasSubstr("fathom_resident_memory_bytes "));
  EXPECT_THAT(reply.body, HasSubstr("service_up 1\n"));
}

TEST(Operations, LogHasEachRequestWithItsIdAndWithoutWhatItSays) {
  TestService service;
  Log log;
  Options options;
  options.access_log = log.writer();
  const auto server = Server::start(std::move(options), service).value();
  TestClient client(server->port());
  const auto reply = client.post("/echo?q=1", "a secret");
  const text::Json line = log.line(0);
  EXPECT_THAT(reply.head, HasSubstr("x-request-id: " + text_at(line, "id") + "\r\n"));
  EXPECT_THAT(reply.head, HasSubstr("\r\nrequest-id: " + text_at(line, "id") + "\r\n"));
  EXPECT_EQ(text_at(line, "method"), "POST");
  EXPECT_EQ(text_at(line, "path"), "/echo");
  EXPECT_EQ(text_at(line, "status"), "200");
  EXPECT_EQ(text_at(line, "client"), "127.0.0.1");
  EXPECT_EQ(text_at(line, "time").size(), std::string("2026-01-01T00:00:00.000Z").size());
  EXPECT_THAT(log.lines()[0], Not(HasSubstr("secret")));
}

TEST(Operations, LogHasWhatTheRequestTurnedOutToBe) {
  TestService service;
  Log log;
  Options options;
  options.access_log = log.writer();
  options.log_bodies = true;
  const auto server = Server::start(std::move(options), service).value();
  TestClient client(server->port());
  client.send(TestClient::post_bytes("/work", "a secret"));
  const auto call = service.next();
  call.reply->report({"nano", 5, 3, 2});
  call.reply->begin({});
  call.reply->write("part");
  EXPECT_TRUE(client.receive_until("part"));
  client.close();
  const text::Json line = log.line(0);
  EXPECT_EQ(text_at(line, "model"), "nano");
  EXPECT_EQ(text_at(line, "prompt_tokens"), "5");
  EXPECT_EQ(text_at(line, "cached_tokens"), "3");
  EXPECT_EQ(text_at(line, "completion_tokens"), "2");
  EXPECT_EQ(text_at(line, "request"), "a secret");
  EXPECT_TRUE(line.find("cut_off"));
}

TEST(Operations, LogHasRefusalsToo) {
  TestService service;
  Log log;
  Options options;
  options.access_log = log.writer();
  const auto server = Server::start(std::move(options), service).value();
  TestClient client(server->port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: https://example.org\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(client.response().status, 403);
  EXPECT_EQ(text_at(log.line(0), "status"), "403");
  TestClient other(server->port());
  other.send("no HTTP\r\n\r\n");
  EXPECT_EQ(other.response().status, 400);
  EXPECT_EQ(text_at(log.line(1), "status"), "400");
}

TEST(Operations, OneKeyCannotTakeEverything) {
  TestService service;
  const auto file = testing::temporary_folder() / "keys";
  std::ofstream(file) << "one\ntwo\n";
  Options options;
  options.keys = Keys::load(file).value();
  options.limits.requests_per_key = 1;
  const auto server = Server::start(std::move(options), service).value();
  const auto post = [](std::string_view path, std::string_view key) {
    return fmt::format("POST {} HTTP/1.1\r\nHost: test\r\nx-api-key: {}\r\nContent-Length: 0\r\n\r\n", path,
                       key);
  };
  TestClient first(server->port()), second(server->port()), other(server->port());
  first.send(post("/work", "one"));
  const auto call = service.next();
  second.send(post("/echo", "one"));
  const auto refused = second.response();
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.head, HasSubstr("Retry-After: 1\r\n"));
  other.send(post("/echo", "two"));
  EXPECT_EQ(other.response().status, 200);
  call.reply->send({}, "done");
  EXPECT_EQ(first.response().status, 200);
  // The place is free again once the answer has been written, which the client may learn a moment earlier.
  unsigned status = 429;
  for (int i = 0; i < 500 && status == 429; ++i) {
    second.send(post("/echo", "one"));
    status = second.response().status;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_EQ(status, 200u);
}

// A certificate for itself, and its key, as PEM files.
void write_certificate(const std::filesystem::path& certificate_file, const std::filesystem::path& key_file) {
  EVP_PKEY* key = EVP_RSA_gen(2048);
  X509* certificate = X509_new();
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1,
                             0);
  X509_set_issuer_name(certificate, name);
  X509_sign(certificate, key, EVP_sha256());
  std::FILE* file = std::fopen(certificate_file.c_str(), "w");
  PEM_write_X509(file, certificate);
  std::fclose(file);
  file = std::fopen(key_file.c_str(), "w");
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

TEST(Operations, EncryptWhereThereIsACertificate) {
  TestService service;
  Options options;
  options.tls_certificate = testing::temporary_folder() / "certificate.pem";
  options.tls_key = testing::temporary_folder() / "key.pem";
  write_certificate(options.tls_certificate, options.tls_key);
  const auto server = Server::start(std::move(options), service).value();

  TestClient client(server->port());
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* tls = SSL_new(context);
  SSL_set_fd(tls, client.descriptor());
  ASSERT_EQ(SSL_connect(tls), 1);
  for (const std::string& body : {std::string("hello"), std::string(1 << 20, 'x')}) {
    const std::string request = TestClient::post_bytes("/echo", body);
    ASSERT_EQ(SSL_write(tls, request.data(), static_cast<int>(request.size())),
              static_cast<int>(request.size()));
    std::string received;
    while (received.size() < body.size() || !received.ends_with(body)) {
      char buffer[16384];
      const int size = SSL_read(tls, buffer, sizeof(buffer));
      ASSERT_GT(size, 0);
      received.append(buffer, static_cast<std::size_t>(size));
    }
    EXPECT_THAT(received.substr(0, 200), HasSubstr("200 OK"));
  }
  SSL_free(tls);
  SSL_CTX_free(context);

  TestClient plain(server->port());
  plain.send("GET /health HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_THAT(plain.receive_all(), Not(HasSubstr("200 OK")));
}

TEST(Operations, SayWhichTlsFileCannotBeUsed) {
  TestService service;
  Options options;
  options.tls_certificate = "no-such-certificate.pem";
  options.tls_key = "no-such-key.pem";
  const auto server = Server::start(std::move(options), service);
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error().message, HasSubstr("no-such-certificate.pem: not a readable certificate"));
}

}  // namespace
}  // namespace fathom::server
