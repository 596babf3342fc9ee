#include "api/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <array>
#include <cstring>

#include <fmt/format.h>

namespace tidemill::api {

namespace {

std::unexpected<Error> tls_error(const Path& file, std::string message, std::string hint) {
  std::array<char, 256> reason{};
  if (const unsigned long code = ERR_peek_last_error(); code != 0) {
    ERR_error_string_n(code, reason.data(), reason.size());
    // "error:0909006C:PEM routines:get_name:no start line" → the part that says something
    if (const char* last = std::strrchr(reason.data(), ':'); last != nullptr)
      message += fmt::format(": {}", last + 1);
  }
  ERR_clear_error();
  return std::unexpected(Error{.kind = ErrorKind::User,
                               .code = "server.tls",
                               .message = std::move(message),
                               .where = {.file = file.native()},
                               .hint = std::move(hint)});
}

// Of what a client offers, the protocol that is spoken here.
int choose_http_1_1(SSL*, const unsigned char** chosen, unsigned char* length, const unsigned char* offered,
                    unsigned int offered_length, void*) {
  static constexpr std::array<unsigned char, 9> kHttp{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* out = nullptr;
  if (SSL_select_next_proto(&out, length, kHttp.data(), kHttp.size(), offered, offered_length) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *chosen = out;
  return SSL_TLSEXT_ERR_OK;
}

// Without: the passphrase of an encrypted key would be asked for on the terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

}  // namespace

void TlsIdentity::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void FreeTlsSession::operator()(ssl_st* session) const { SSL_free(session); }

Result<std::shared_ptr<const TlsIdentity>> TlsIdentity::load(const Files& files) {
  TM_TRY(std::string certificate, read_file(files.certificate));
  TM_TRY(std::string key, read_file(files.key));
  ERR_clear_error();
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (context == nullptr) return environment_error("server.tls", "no memory for TLS");
  std::shared_ptr<TlsIdentity> identity(new TlsIdentity(context, {std::move(certificate), std::move(key)}));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context,
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets need none
  SSL_CTX_set_alpn_select_cb(context, choose_http_1_1, nullptr);
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
    return tls_error(files.certificate, "cannot read a certificate from it",
                     "PEM: -----BEGIN CERTIFICATE----- …, the server's own first");
  if (X509_cmp_current_time(X509_get0_notAfter(SSL_CTX_get0_certificate(context))) < 0)
    return tls_error(files.certificate, "the certificate has expired", "renew it");
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return tls_error(files.key, "cannot read the certificate's private key from it",
                     "PEM, not encrypted, and the one that the certificate was made for");
  return std::shared_ptr<const TlsIdentity>(std::move(identity));
}

}  // namespace tidemill::api
