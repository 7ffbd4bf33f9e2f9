// Over real sockets, against a service that the tests speak for.
#include "server/server.h"

#include <fstream>
#include <thread>

#include "server/test_client.h"
#include "testing/test_data.h"

namespace fathom::server {
namespace {

using api::Demand;
using std::chrono::milliseconds;

// A server with its service. Time limits are long, so that only tests about them meet them.
struct Fixture {
  explicit Fixture(Options options = {}) : server(Server::start(std::move(options), service).value()) {}
  std::uint16_t port() const { return server->port(); }

  TestService service;
  std::unique_ptr<Server> server;
};

Options with_limits(const std::function<void(Limits&)>& set) {
  Options options;
  set(options.limits);
  return options;
}

TEST(Server, AnswersRequestsOfOneConnectionInTurn) {
  Fixture fixture;
  TestClient client(fixture.port());
  EXPECT_EQ(client.get("/health").body, R"({"status":"ok"})");
  const auto echo = client.post("/echo?query=1", "hello");
  EXPECT_EQ(echo.status, 200);
  EXPECT_EQ(echo.body, "hello");
  EXPECT_NE(echo.head.find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_NE(echo.head.find("Content-Type: text/plain\r\n"), std::string::npos);
  EXPECT_EQ(client.post("/echo", std::string(3 << 20, 'x')).body.size(), 3u << 20);
}

TEST(Server, TakesARequestCutAnywhere) {
  Fixture fixture;
  TestClient client(fixture.port());
  const std::string plain = TestClient::post_bytes("/echo", "0123456789");
  const std::string chunked =
      "POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: "
      "chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n";
  for (const std::string& request : {plain, chunked}) {
    for (std::size_t cut = 0; cut <= request.size(); ++cut) {
      ASSERT_TRUE(client.send(request.substr(0, cut)));
      ASSERT_TRUE(client.send(request.substr(cut)));
      const auto response = client.response();
      ASSERT_EQ(response.status, 200) << cut;
      ASSERT_EQ(response.body, "0123456789") << cut;
    }
  }
}

TEST(Server, AnswersPipelinedRequests) {
  Fixture fixture;
  TestClient client(fixture.port());
  std::string requests;
  for (int i = 0; i < 50; ++i) requests += TestClient::post_bytes("/echo", std::to_string(i));
  ASSERT_TRUE(client.send(requests));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(client.response().body, std::to_string(i));
}

TEST(Server, TellsAClientThatAsksToGoOn) {
  Fixture fixture;
  TestClient client(fixture.port());
  client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(client.receive_until("HTTP/1.1 100 Continue\r\n\r\n"));
  client.send("ab");
  EXPECT_EQ(client.response(false).status, 100);
  EXPECT_EQ(client.response().body, "ab");
}

TEST(Server, SendsNoBodyToHead) {
  Fixture fixture;
  TestClient client(fixture.port());
  client.send("HEAD /health HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(client.response(false).status, 200);
  EXPECT_EQ(client.get("/health").status, 200);
}

TEST(Server, StreamsWhatTheServiceWrites) {
  Fixture fixture;
  TestClient client(fixture.port());
  client.send(TestClient::post_bytes("/stream", "{}"));
  const auto call = fixture.service.next();
  EXPECT_EQ(call.request.method, "POST");
  EXPECT_EQ(call.request.path, "/stream");
  EXPECT_EQ(call.request.body, "{}");
  call.reply->begin({.content_type = "text/event-stream"});
  for (const auto part : {"data: 1\n\n", "data: 2\n\n", "data: 3\n\n"}) {
    call.reply->write(part);
    EXPECT_TRUE(client.receive_until(part));  // at once, not with the next
  }
  call.reply->end();
  const auto response = client.response();
  EXPECT_NE(response.head.find("text/event-stream"), std::string::npos);
  EXPECT_EQ(response.body, "data: 1\n\ndata: 2\n\ndata: 3\n\n");
  EXPECT_EQ(client.get("/health").status, 200);
}

TEST(Server, EndsAStreamToAnOldClientWithTheConnection) {
  Fixture fixture;
  TestClient client(fixture.port());
  client.send("POST /stream HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
  const auto call = fixture.service.next();
  call.reply->begin({});
  call.reply->write("abc");
  ASSERT_TRUE(client.receive_until("abc"));
  call.reply->write("def");
  call.reply->end();
  const std::string all = client.receive_all();
  EXPECT_TRUE(all.ends_with("\r\n\r\nabcdef")) << all;
  EXPECT_EQ(all.find("chunked"), std::string::npos);
}

TEST(Server, GivesSignsOfLifeWhileTheAnswerIsNotThere) {
  Fixture fixture(with_limits([](Limits& limits) { limits.keep_alive = milliseconds(1); }));
  TestClient client(fixture.port());
  client.send(TestClient::post_bytes("/stream", ""));
  const auto call = fixture.service.next();
  call.reply->begin({.content_type = "text/event-stream", .keep_alive = ": keep-alive\n\n"});
  EXPECT_TRUE(client.receive_until(": keep-alive\n\n"));
  call.reply->send({.status = 500}, "late");  // the head is out: only the body comes
  const auto response = client.response();
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.body.ends_with("late"));
}

TEST(Server, SendsAnErrorInsteadOfAnAnswerThatHasNotBegun) {
  Fixture fixture;
  TestClient client(fixture.port());
  client.send(TestClient::post_bytes("/stream", ""));
  const auto call = fixture.service.next();
  call.reply->begin({.keep_alive = "\n"});
  call.reply->send({.status = 429, .retry_after = 2}, "{}");
  const auto response = client.response();
  EXPECT_EQ(response.status, 429);
  EXPECT_NE(response.head.find("Retry-After: 2\r\n"), std::string::npos);
  EXPECT_EQ(response.body, "{}");
}

TEST(Server, RefusesMalformedRequests) {
  Fixture fixture(with_limits([](Limits& limits) {
    limits.header_bytes = 1000;
    limits.body_bytes = 100;
  }));
  const std::string post = "POST /echo HTTP/1.1\r\nHost: t\r\n";
  const std::vector<std::pair<std::string, int>> requests = {
      {"\r\n\r\n\r\n", 400},
      {"nonsense\r\n\r\n", 400},
      {"GET\r\n\r\n", 400},
      {"GET /health\r\n\r\n", 400},
      {"GET /health HTTP/3.7\r\n\r\n", 400},
      {"GET /health FTP/1.1\r\n\r\n", 400},
      {"GET  HTTP/1.1\r\n\r\n", 400},
      {"G\x01T /health HTTP/1.1\r\n\r\n", 400},
      {"GET /he\x01lth HTTP/1.1\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\nno colon\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n: no name\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\nbad name: x\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\nA: \x01\r\n\r\n", 400},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},  // TLS
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\nA: " + std::string(2000, 'a') + "\r\n\r\n", 431},
      {"GET /" + std::string(2000, 'a') + " HTTP/1.1\r\n\r\n", 431},
      {post + "Content-Length: -1\r\n\r\n", 400},
      {post + "Content-Length: many\r\n\r\n", 400},
      {post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
      {post + "Content-Length: 99999999999999999999999\r\n\r\n", 400},
      {post + "Content-Length: 101\r\n\r\n", 413},
      {post + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\n65\r\n" + std::string(101, 'a') + "\r\n0\r\n\r\n", 413},
  };
  for (const auto& [request, status] : requests) {
    TestClient client(fixture.port());
    client.send(request);
    client.shut_sending();
    const auto response = client.response();
    EXPECT_EQ(response.status, status) << request;
    EXPECT_NE(response.body.find("\"error\""), std::string::npos) << request;
    EXPECT_FALSE(client.receive()) << request;  // and the connection is closed
  }
  EXPECT_EQ(TestClient(fixture.port()).get("/health").status, 200);
}

TEST(Server, ClosesConnectionsThatDoNotSpeak) {
  Fixture fixture(with_limits([](Limits& limits) { limits.idle_time = milliseconds(1); }));
  TestClient client(fixture.port());
  EXPECT_FALSE(client.receive());
}

TEST(Server, DoesNotWaitForTheRestOfARequest) {
  Fixture fixture(with_limits([](Limits& limits) { limits.read_time = milliseconds(1); }));
  for (const auto request : {"GET /hea", "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab"}) {
    TestClient client(fixture.port());
    client.send(request);
    EXPECT_EQ(client.response().status, 408) << request;
  }
}

TEST(Server, TellsTheServiceThatAClientIsGone) {
  Fixture fixture;
  for (const bool streaming : {false, true}) {
    TestClient client(fixture.port());
    client.send(TestClient::post_bytes("/stream", ""));
    const auto call = fixture.service.next();
    EXPECT_EQ(call.reply->demand(), Demand::more);
    if (streaming) {
      call.reply->begin({});
      call.reply->write("x");
      EXPECT_TRUE(client.receive_until("x"));
    }
    client.close();
    EXPECT_TRUE(eventually([&] { return call.reply->demand() == Demand::none; }));
    call.reply->write("to nobody");
    call.reply->end();
  }
  EXPECT_TRUE(eventually([&] { return fixture.server->connections() == 0; }));
}

TEST(Server, DoesNotLetASlowReaderFillItsMemory) {
  Fixture fixture;
  TestClient slow(fixture.port(), 4096);
  slow.send(TestClient::post_bytes("/stream", ""));
  const auto call = fixture.service.next();
  call.reply->begin({});
  const std::string part(64 << 10, 'x');
  std::size_t written = 0;
  while (call.reply->demand() == Demand::more && written < (100u << 20)) {
    call.reply->write(part);
    written += part.size();
  }
  EXPECT_EQ(call.reply->demand(), Demand::later);
  EXPECT_LT(written, 100u << 20);
  EXPECT_EQ(TestClient(fixture.port()).post("/echo", "others do not notice").status, 200);

  call.reply->end();
  EXPECT_EQ(slow.response().body.size(), written);
}

TEST(Server, CutsOffAClientThatNeverReads) {
  Fixture fixture(with_limits([](Limits& limits) { limits.write_time = milliseconds(1); }));
  TestClient client(fixture.port(), 4096);
  client.send(TestClient::post_bytes("/stream", ""));
  const auto call = fixture.service.next();
  call.reply->begin({});
  const std::string part(64 << 10, 'x');
  EXPECT_TRUE(eventually([&] {
    if (call.reply->demand() == Demand::more) call.reply->write(part);
    return call.reply->demand() == Demand::none;
  }));
  call.reply->end();
}

TEST(Server, ServesManyConnectionsAtOnce) {
  constexpr int kClients = 200;
  Fixture fixture;
  std::vector<std::unique_ptr<TestClient>> clients;
  std::vector<TestService::Call> calls;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<TestClient>(fixture.port()));
    clients.back()->send(TestClient::post_bytes("/stream", std::to_string(i)));
  }
  for (int i = 0; i < kClients; ++i) calls.push_back(fixture.service.next());
  EXPECT_EQ(fixture.server->connections(), kClients);
  for (const auto& call : calls) call.reply->begin({});
  for (int round = 0; round < 5; ++round) {
    for (const auto& call : calls) call.reply->write(call.request.body + ";");
  }
  for (const auto& call : calls) call.reply->end();
  for (int i = 0; i < kClients; ++i) {
    const std::string one = std::to_string(i) + ";";
    EXPECT_EQ(clients[static_cast<std::size_t>(i)]->response().body, one + one + one + one + one);
  }
  clients.clear();
  EXPECT_TRUE(eventually([&] { return fixture.server->connections() == 0; }));
}

TEST(Server, TurnsConnectionsAwayAboveItsLimit) {
  Fixture fixture(with_limits([](Limits& limits) { limits.connections = 2; }));
  TestClient first(fixture.port()), second(fixture.port());
  EXPECT_EQ(first.get("/health").status, 200);
  EXPECT_EQ(second.get("/health").status, 200);
  EXPECT_EQ(TestClient(fixture.port()).response().status, 503);
  second.close();
  EXPECT_TRUE(eventually([&] { return TestClient(fixture.port()).get("/health").status == 200; }));
}

TEST(Server, AsksForAKey) {
  const auto file = testing::temporary_folder() / "keys";
  std::ofstream(file) << "sk-right\n";
  Options options;
  options.keys = Keys::load(file).value();
  Fixture fixture(std::move(options));
  const std::vector<std::pair<std::string, int>> headers = {
      {"", 401},
      {"Authorization: Bearer sk-wrong\r\n", 401},
      {"Authorization: Basic sk-right\r\n", 401},
      {"Authorization: Bearer sk-wrong\r\nx-api-key: sk-right\r\n", 401},
      {"Authorization: Bearer sk-right\r\n", 200},
      {"authorization: bearer sk-right\r\n", 200},
      {"x-api-key: sk-right\r\n", 200},
  };
  for (const auto& [header, status] : headers) {
    TestClient client(fixture.port());
    client.send("POST /echo HTTP/1.1\r\nHost: t\r\n" + header + "Content-Length: 2\r\n\r\nok");
    const auto response = client.response();
    EXPECT_EQ(response.status, status) << header;
    if (status == 401) {
      EXPECT_NE(response.body.find("authentication_error"), std::string::npos);
    }
  }
  EXPECT_EQ(TestClient(fixture.port()).get("/health").status, 200);
  TestClient client(fixture.port());
  client.send("POST /other HTTP/1.1\r\nx-api-key: sk-right\r\nContent-Length: 0\r\n\r\n");
  const auto call = fixture.service.next();
  EXPECT_EQ(call.request.caller, "key1");
  call.reply->send({}, "");
}

TEST(Server, LetsPagesOfOneOriginCall) {
  Options options;
  options.cors_origin = "https://chat.example";
  Fixture fixture(std::move(options));
  TestClient client(fixture.port());
  client.send(
      "OPTIONS /echo HTTP/1.1\r\nOrigin: https://chat.example\r\nAccess-Control-Request-Method: "
      "POST\r\n\r\n");
  const auto preflight = client.response(false);
  EXPECT_EQ(preflight.status, 204);
  EXPECT_NE(preflight.head.find("Access-Control-Allow-Methods:"), std::string::npos);
  EXPECT_NE(client.get("/health").head.find("Access-Control-Allow-Origin: https://chat.example\r\n"),
            std::string::npos);
}

TEST(Server, FinishesAnswersBeforeItStops) {
  Fixture fixture;
  TestClient idle(fixture.port()), busy(fixture.port());
  EXPECT_EQ(idle.get("/health").status, 200);
  busy.send(TestClient::post_bytes("/stream", ""));
  const auto call = fixture.service.next();
  call.reply->begin({});
  call.reply->write("first ");
  EXPECT_TRUE(busy.receive_until("first"));
  bool finished = false;
  std::thread stopper([&] { finished = fixture.server->drain(std::chrono::minutes(1)); });
  EXPECT_FALSE(idle.receive());  // closed
  EXPECT_FALSE(TestClient(fixture.port()).connected());
  call.reply->write("last");
  call.reply->end();
  stopper.join();
  EXPECT_TRUE(finished);
  EXPECT_EQ(busy.response().body, "first last");
}

TEST(Server, CutsAnswersOffThatTakeTooLongToFinish) {
  Fixture fixture;
  TestClient client(fixture.port());
  client.send(TestClient::post_bytes("/stream", ""));
  const auto call = fixture.service.next();
  EXPECT_FALSE(fixture.server->drain(milliseconds(0)));
  EXPECT_EQ(call.reply->demand(), Demand::none);
  EXPECT_FALSE(client.receive());
  fixture.server.reset();
  call.reply->send({}, "to nobody");
}

TEST(Server, SaysWhyItCannotListen) {
  TestService service;
  Fixture fixture;
  Options taken;
  taken.port = fixture.port();
  const auto second = Server::start(std::move(taken), service);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::io);
  Options nowhere;
  nowhere.host = "no.such.host.invalid";
  EXPECT_FALSE(Server::start(std::move(nowhere), service));
}

}  // namespace
}  // namespace fathom::server
