#include "api/router.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/content_coding.hpp"
#include "api/replies.hpp"

namespace tidemill::api {

namespace {

// "/v2/models" → "v2", and "/models" is left; what begins with no slash has no parts.
std::string_view take_part(std::string_view& rest) {
  rest.remove_prefix(1);
  const std::string_view part = rest.substr(0, rest.find('/'));
  rest.remove_prefix(part.size());
  return part;
}

// Open parts whose value nobody asks for have other names.
std::string* value_of(Parameters& parameters, std::string_view name) {
  if (name == "{deployment}") return &parameters.deployment;
  if (name == "{version}") return &parameters.version;
  if (name == "{model}") return &parameters.model;
  return nullptr;
}

}  // namespace

void PathTree::add(const Endpoint& endpoint) {
  Node* node = &root_;
  for (std::string_view rest = endpoint.path(); !rest.empty();) {
    const std::string_view part = take_part(rest);
    std::unique_ptr<Node>* next = &node->open;
    if (part.starts_with('{')) {
      node->open_name = part;
    } else {
      auto found = std::ranges::find(node->named, part, [](const auto& each) { return each.first; });
      if (found == node->named.end()) found = node->named.emplace(node->named.end(), part, nullptr);
      next = &found->second;
    }
    if (*next == nullptr) *next = std::make_unique<Node>();
    node = next->get();
  }
  node->endpoints.push_back(&endpoint);
}

const PathTree::Node* PathTree::find(const Node& node, std::string_view rest, Parameters& parameters) {
  if (rest.empty()) return node.endpoints.empty() ? nullptr : &node;
  const std::string_view part = take_part(rest);
  for (const auto& [name, next] : node.named)
    if (name == part)
      if (const Node* found = find(*next, rest, parameters)) return found;
  if (node.open == nullptr || part.empty()) return nullptr;
  const Node* found = find(*node.open, rest, parameters);
  if (found != nullptr)
    if (std::string* value = value_of(parameters, node.open_name)) *value = part;
  return found;
}

const std::vector<const Endpoint*>* PathTree::find(std::string_view path, Parameters& parameters) const {
  if (!path.starts_with('/')) return nullptr;
  const Node* node = find(root_, path, parameters);
  return node == nullptr ? nullptr : &node->endpoints;
}

namespace {

std::string_view first_part(std::string_view path) { return path.substr(0, path.find('/', 1)); }

void add_allowed(std::string& allowed, std::string_view method) {
  if (!allowed.empty()) allowed += ", ";
  allowed += method;
  if (method == "GET") allowed += ", HEAD";
}

}  // namespace

Router::Router(std::vector<Endpoint> endpoints, const Access& access, size_t max_body_bytes)
    : endpoints_(std::move(endpoints)), access_(access), max_body_bytes_(max_body_bytes) {
  for (const Endpoint& endpoint : endpoints_) paths_.add(endpoint);
}

ErrorForm Router::form_at(std::string_view path) const {
  for (const Endpoint& endpoint : endpoints_)
    if (first_part(endpoint.path()) == first_part(path)) return endpoint.description().form;
  return ErrorForm::Plain;
}

std::expected<Router::Admitted, Response> Router::admit(const Request& head) const {
  const Access::Claim claim = Access::claim(head);
  const auto refuse = [&](const Error& error) {
    return std::unexpected(error_reply(error, form_at(head.path)));
  };
  if (const auto may = access_.admit(claim); !may) return refuse(may.error());
  std::expected<Admitted, Response> admitted;
  Parameters& parameters = admitted->parameters;
  const auto* endpoints = paths_.find(head.path, parameters);
  if (endpoints == nullptr) return refuse(not_found(fmt::format("there is nothing at {}", head.path)));
  const std::string_view method = head.method == "HEAD" ? "GET" : head.method;
  const auto found = std::ranges::find(*endpoints, method, &Endpoint::method);
  if (found == endpoints->end()) {
    auto refused = refuse(
        Error{ErrorKind::User, "http.method", fmt::format("{} does not take {}", head.path, head.method)});
    std::string allowed;
    for (const Endpoint* endpoint : *endpoints) add_allowed(allowed, endpoint->method());
    refused.error().headers.emplace_back("Allow", allowed);
    return refused;
  }
  const Endpoint& endpoint = **found;
  if (parameters.deployment.empty()) parameters.deployment = endpoint.unnamed_deployment();
  auto may = access_.allow(claim, endpoint.scope(), parameters.deployment);
  if (!may)
    return std::unexpected(error_reply(may.error().error, endpoint.description().form, may.error().wait));
  parameters.caller = std::move(*may);
  admitted->endpoint = &endpoint;
  return admitted;
}

Answer Router::answer(const Request& request, const Admitted& admitted) const {
  const Endpoint& endpoint = *admitted.endpoint;
  if (!is_coded(request)) return endpoint.answer(request, admitted.parameters);
  return answer_coded(
      request, max_body_bytes_,
      [&endpoint, parameters = admitted.parameters](const Request& decoded) {
        return endpoint.answer(decoded, parameters);
      },
      endpoint.description().form);
}

Answer Router::answer(const Request& request) const {
  auto admitted = admit(request);
  return admitted ? answer(request, *admitted) : std::move(admitted).error();
}

Begun Router::begin(const Request& head) const {
  auto admitted = admit(head);
  if (!admitted) return std::move(admitted).error();
  return Handler(
      [this, admitted = std::move(*admitted)](const Request& request) { return answer(request, admitted); });
}

}  // namespace tidemill::api
