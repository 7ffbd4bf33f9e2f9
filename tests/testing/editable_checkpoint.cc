#include "testing/editable_checkpoint.h"

#include <stdexcept>

namespace fathom::testing {
namespace {

template <class Expected>
void require(const Expected& result) {
  if (!result) throw std::runtime_error(result.error().message);
}

}  // namespace

EditableCheckpoint::EditableCheckpoint(const std::filesystem::path& file) {
  const auto checkpoint = formats::Checkpoint::open(file);
  require(checkpoint);
  for (const auto& [name, tensor] : checkpoint->tensors())
    tensors[name] = {tensor.dtype, tensor.shape, {tensor.bytes.begin(), tensor.bytes.end()}};
}

void EditableCheckpoint::write(const std::filesystem::path& file) const {
  std::vector<formats::SafetensorsWriter::Declaration> declarations;
  for (const auto& [name, entry] : tensors) declarations.push_back({name, entry.dtype, entry.shape});
  auto writer = formats::SafetensorsWriter::create(file, declarations);
  require(writer);
  for (const auto& [name, entry] : tensors) require(writer->append(entry.bytes));
  require(writer->finish());
}

}  // namespace fathom::testing
