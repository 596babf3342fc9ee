#include "api/grpc_server.hpp"

#include <condition_variable>
#include <thread>

#include <fmt/format.h>

#include "api/address.hpp"
#include "api/grpc_call.hpp"
#include "api/tls.hpp"

namespace tidemill::api {

namespace {

std::chrono::microseconds micros(Duration duration) { return std::chrono::microseconds(duration.micros); }

grpc_arg whole(const char* key, size_t value) {
  grpc_arg arg{};
  arg.type = GRPC_ARG_INTEGER;
  arg.key = const_cast<char*>(key);
  arg.value.integer = static_cast<int>(value);
  return arg;
}

grpc_server* make_server(const GrpcServerOptions& options) {
  grpc_resource_quota* quota = grpc_resource_quota_create("tidemill");
  // Of what connections hold before a call is given it: beyond, gRPC ends streams.
  grpc_resource_quota_resize(quota, options.max_bytes_in_flight);
  grpc_arg memory{};
  memory.type = GRPC_ARG_POINTER;
  memory.key = const_cast<char*>(GRPC_ARG_RESOURCE_QUOTA);
  memory.value.pointer = {quota, grpc_resource_quota_arg_vtable()};
  constexpr size_t kKeepaliveMs = 60'000, kKeepaliveTimeoutMs = 20'000, kMaxIdleMs = 600'000;
  constexpr size_t kMinPingMs = 10'000;
  std::array args{
      memory,
      whole(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, options.max_message_bytes),
      whole(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),  // it has no limit: we decode ourselves
      whole(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<size_t>(options.max_streams)),
      whole(GRPC_ARG_MAX_METADATA_SIZE, kMaxHeadBytes),
      whole(GRPC_ARG_ALLOW_REUSEPORT, 0),  // or a second server would take half of the connections
      whole(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs),
      whole(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs),
      whole(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
      whole(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingMs),
      whole(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kMaxIdleMs),
  };
  const grpc_channel_args all{args.size(), args.data()};
  grpc_server* server = grpc_server_create(&all, nullptr);
  grpc_resource_quota_unref(quota);
  return server;
}

}  // namespace

struct GrpcServer::Impl {
  Impl(const GrpcServerOptions& options, const GrpcRouter& router)
      : calls(options, router), tls(options.tls) {}
  ~Impl() {
    if (server != nullptr) grpc_server_destroy(server);
    if (queue != nullptr) grpc_completion_queue_destroy(queue);
  }

  // gRPC asks at every handshake whether there is another certificate.
  static grpc_ssl_certificate_config_reload_status fetch(void* self,
                                                         grpc_ssl_server_certificate_config** config) {
    auto& impl = *static_cast<Impl*>(self);
    const std::lock_guard lock(impl.mutex);
    if (impl.fetched == impl.tls) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair{impl.tls->pem().key.c_str(), impl.tls->pem().certificate.c_str()};
    // Roots would be for certificates of clients, which are not asked for; the library insists on some.
    *config = grpc_ssl_server_certificate_config_create(pair.cert_chain, &pair, 1);
    impl.fetched = impl.tls;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }
  grpc_server_credentials* credentials() {
    if (tls == nullptr) return grpc_insecure_server_credentials_create();
    return grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE, fetch, this));
  }

  GrpcCalls calls;
  std::shared_ptr<const TlsIdentity> tls, fetched;  // under the mutex
  grpc_server* server = nullptr;
  grpc_completion_queue* queue = nullptr;
  int port = 0;
  std::vector<std::thread> threads;
  std::thread ticker;
  std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false;
  bool shut_down = false;  // no call is left, and none will come

  void accept() { std::make_shared<GrpcCall>(calls)->accept(server, queue); }

  void serve() {
    for (;;) {
      const grpc_event event = grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_REALTIME), nullptr);
      if (event.type == GRPC_QUEUE_SHUTDOWN) return;
      const std::unique_ptr<GrpcCall::Tag> tag = GrpcCall::Tag::take_back(event.tag);
      if (tag->call == nullptr) {
        const std::lock_guard lock(mutex);
        shut_down = true;
        changed.notify_all();
        continue;
      }
      const bool ok = event.success != 0;
      if (tag->step == GrpcCall::Step::Accepted && ok) accept();
      tag->call->happened(tag->step, ok);
    }
  }

  void tick() {
    std::unique_lock lock(mutex);
    while (!changed.wait_for(lock, micros(calls.options.watch_interval), [this] { return stopping; })) {
      lock.unlock();
      for (const auto& call : calls.all()) call->tick();
      lock.lock();
    }
  }

  // Again and again: a call that had been accepted may begin only now.
  bool drain(Duration limit) {
    constexpr std::chrono::milliseconds kPause{50};
    const auto deadline = std::chrono::steady_clock::now() + micros(limit);
    std::unique_lock lock(mutex);
    while (!shut_down && std::chrono::steady_clock::now() < deadline) {
      lock.unlock();
      for (const auto& call : calls.all()) call->drain();
      lock.lock();
      changed.wait_for(lock, kPause, [this] { return shut_down; });
    }
    return shut_down;
  }
};

GrpcServer::GrpcServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<GrpcServer>> GrpcServer::start(const GrpcServerOptions& options,
                                                      const GrpcRouter& router) {
  TM_TRY(const Address address, address_of(options.host, options.port));
  TM_CHECK(load_grpc());
  auto impl = std::make_unique<Impl>(options, router);
  impl->queue = grpc_completion_queue_create_for_next(nullptr);
  impl->server = make_server(options);
  grpc_server_register_completion_queue(impl->server, impl->queue, nullptr);
  grpc_server_credentials* credentials = impl->credentials();
  impl->port = grpc_server_add_http2_port(impl->server, address.text().c_str(), credentials);
  grpc_server_credentials_release(credentials);
  const bool listens = impl->port > 0;
  // gRPC does not say why it could not listen: the same asked once more, plainly.
  const Result<void> asked =
      listens ? Result<void>() : check_listening(options.host, options.port, Listens::Grpc);
  grpc_server_start(impl->server);
  const size_t threads = thread_count(options.threads);
  for (size_t i = 0; i < threads; ++i) {
    impl->accept();
    impl->threads.emplace_back([&server = *impl] { server.serve(); });
  }
  impl->ticker = std::thread([&server = *impl] { server.tick(); });
  auto server = std::unique_ptr<GrpcServer>(new GrpcServer(std::move(impl)));
  if (listens) return server;
  TM_CHECK(asked);
  return cannot_listen(address, Listens::Grpc, "gRPC gives no reason");
}

int GrpcServer::port() const { return impl_->port; }

void GrpcServer::use(std::shared_ptr<const TlsIdentity> tls) {
  const std::lock_guard lock(impl_->mutex);
  impl_->tls = std::move(tls);
}

bool GrpcServer::stop(Duration limit) {
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->stopping) return true;
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  impl_->ticker.join();
  auto last = std::make_unique<GrpcCall::Tag>(GrpcCall::Tag{nullptr, {}});
  grpc_server_shutdown_and_notify(impl_->server, impl_->queue, last.release()->lend());
  const bool finished = impl_->drain(limit);
  if (!finished) {
    grpc_server_cancel_all_calls(impl_->server);
    std::unique_lock lock(impl_->mutex);
    impl_->changed.wait(lock, [&] { return impl_->shut_down; });
  }
  impl_->calls.workers.stop();  // before the queue goes, to which what is being done reports
  grpc_completion_queue_shutdown(impl_->queue);
  for (std::thread& thread : impl_->threads) thread.join();
  return finished;
}

GrpcServer::~GrpcServer() {
  if (impl_) stop(Duration{0});
}

}  // namespace tidemill::api
