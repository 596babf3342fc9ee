// From a path to its endpoint: admits, finds, asks whether the caller may, answers. Immutable once made.
#pragma once

#include <expected>
#include <vector>

#include "api/access.hpp"

namespace tidemill::api {

/// Patterns as a tree of their parts. A part that is named wins over one that is open, and where it leads
/// nowhere the open one is tried.
class PathTree {
 public:
  /// The endpoint stays where it is.
  void add(const Endpoint& endpoint);
  /// The endpoints at the path, and what is in its open parts, none of which may be empty; null where there
  /// are none.
  const std::vector<const Endpoint*>* find(std::string_view path, Parameters& parameters) const;

 private:
  struct Node {
    std::vector<std::pair<std::string_view, std::unique_ptr<Node>>> named;
    std::unique_ptr<Node> open;
    std::string_view open_name;  // "{deployment}"
    std::vector<const Endpoint*> endpoints;
  };
  static const Node* find(const Node& node, std::string_view rest, Parameters& parameters);
  Node root_;
};

class Router {
 public:
  /// max_body_bytes: once decoded. The access must outlive the router.
  Router(std::vector<Endpoint> endpoints, const Access& access, size_t max_body_bytes = kMaxBodyBytes);
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;
  /// Thread-safe. Nothing at a path: 404; another verb, OPTIONS too: 405 with Allow.
  Answer answer(const Request& request) const;
  /// The same in two steps, of a request whose body is still to come.
  Begun begin(const Request& head) const;
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }

 private:
  /// How errors are said beside the path's endpoints: as the endpoints do that begin like it.
  ErrorForm form_at(std::string_view path) const;
  struct Admitted {
    const Endpoint* endpoint = nullptr;
    Parameters parameters;
  };
  std::expected<Admitted, Response> admit(const Request& head) const;
  Answer answer(const Request& request, const Admitted& admitted) const;
  const std::vector<Endpoint> endpoints_;
  PathTree paths_;
  const Access& access_;
  const size_t max_body_bytes_;
};

}  // namespace tidemill::api
