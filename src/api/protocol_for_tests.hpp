// protocol/*.proto as protobuf's own library reads them: what we read and write is held against it.
#pragma once

#include <memory>
#include <string>

#include <google/protobuf/compiler/importer.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

namespace tidemill::api {

class Protocol {
 public:
  Protocol() : importer_(&tree_, nullptr) {
    tree_.MapPath("", TIDEMILL_ROOT "/src/api/protocol");
    EXPECT_NE(importer_.Import("inference.proto"), nullptr);
    EXPECT_NE(importer_.Import("health.proto"), nullptr);
  }
  std::unique_ptr<google::protobuf::Message> message(const std::string& type) {
    const auto* descriptor = importer_.pool()->FindMessageTypeByName(type);
    return std::unique_ptr<google::protobuf::Message>(factory_.GetPrototype(descriptor)->New());
  }
  /// The bytes of a message in protobuf's text form.
  std::string bytes(const std::string& type, const std::string& text) {
    const auto made = message(type);
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, made.get())) << text;
    return made->SerializeAsString();
  }
  /// The text form, on one line, of a message's bytes; unknown fields show as numbers.
  std::string text(const std::string& type, const std::string& bytes) {
    const auto made = message(type);
    EXPECT_TRUE(made->ParseFromString(bytes));
    return made->ShortDebugString();
  }
  const google::protobuf::DescriptorPool& pool() const { return *importer_.pool(); }

 private:
  google::protobuf::compiler::DiskSourceTree tree_;
  google::protobuf::compiler::Importer importer_;
  google::protobuf::DynamicMessageFactory factory_;
};

}  // namespace tidemill::api
