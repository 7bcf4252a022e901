#include "lodestein/data/write.hpp"

#include <zip.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <unordered_set>

#include "data/atomic_file.hpp"
#include "data/formats.hpp"
#include "data/npy.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

constexpr std::size_t piece = std::size_t{1} << 20;  // bytes collected before they are written

/// Appends rows [begin, end) as raw numbers.
void append_rows(std::string& bytes, ConstMatrixView matrix, std::size_t begin, std::size_t end,
                 StorageType type) {
  std::vector<float> narrow(type == StorageType::float32 ? matrix.cols() : 0);
  for (std::size_t i = begin; i < end; ++i) {
    const double* row = matrix.row(i);
    if (type == StorageType::float64) {
      bytes.append(reinterpret_cast<const char*>(row), matrix.cols() * sizeof(double));
      continue;
    }
    std::transform(row, row + matrix.cols(), narrow.begin(),
                   [](double value) { return static_cast<float>(value); });
    bytes.append(reinterpret_cast<const char*>(narrow.data()), narrow.size() * sizeof(float));
  }
}

void write_array(AtomicFile& file, ConstMatrixView matrix, StorageType type) {
  file.write(npy_header(matrix.rows(), matrix.cols(), type));
  const std::size_t step =
      std::max<std::size_t>(1, piece / 8 / std::max<std::size_t>(1, matrix.cols()));
  std::string bytes;
  for (std::size_t i = 0; i < matrix.rows(); i += step) {
    bytes.clear();
    append_rows(bytes, matrix, i, std::min(i + step, matrix.rows()), type);
    file.write(bytes);
  }
}

void append_number(std::string& text, double value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text.append(digits.data(), end);
}

/// A CSV field, quoted if a reader could misunderstand it.
void append_field(std::string& text, const std::string& field) {
  const bool padded = !field.empty() && (field.front() == ' ' || field.back() == ' ' ||
                                         field.front() == '\t' || field.back() == '\t');
  if (!padded && field.find_first_of(",\"\r\n") == field.npos) {
    text += field;
    return;
  }
  text += '"';
  for (const char c : field) {
    if (c == '"') text += '"';
    text += c;
  }
  text += '"';
}

void append_header(std::string& text, const std::string& first,
                   const std::vector<std::string>& names) {
  append_field(text, first);
  for (const auto& name : names) {
    text += ',';
    append_field(text, name);
  }
  text += '\n';
}

void append_row(std::string& text, const std::string& name, const double* row, std::size_t count) {
  append_field(text, name);
  for (std::size_t j = 0; j < count; ++j) {
    text += ',';
    append_number(text, row[j]);
  }
  text += '\n';
}

void check_count(const std::string& what, std::size_t have, std::size_t need) {
  if (have == need) return;
  throw DimensionMismatch(what + ": " + std::to_string(have) + " names for " +
                          std::to_string(need));
}

/// What the readers would refuse must not be written.
void check_writable(const Dataset& dataset) {
  if (dataset.environments.empty()) throw InvalidArgument("the dataset has no environment");
  std::unordered_set<std::string> names, features;
  for (const auto& environment : dataset.environments) {
    check_count("environment '" + environment.name + "'", dataset.feature_count(),
                environment.samples.cols());
    if (environment.name.empty() || !names.insert(environment.name).second) {
      throw InvalidArgument("environments need distinct names, '" + environment.name +
                            "' is empty or there twice");
    }
  }
  for (const auto& feature : dataset.features) {
    if (feature.empty() || !features.insert(feature).second) {
      throw InvalidArgument("features need distinct names, '" + feature +
                            "' is empty or there twice");
    }
  }
}

/// "2-knock_out.npy": readable, safe on every file system, and distinct by the number.
std::string file_name(std::size_t index, const std::string& environment) {
  std::string name = std::to_string(index) + "-";
  for (const char c : environment.substr(0, 60)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += plain || c == '-' ? c : '_';
  }
  return name + ".npy";
}

struct DiscardArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using ArchivePointer = std::unique_ptr<zip_t, DiscardArchive>;

void add_array(zip_t* archive, const std::string& path, const std::string& name,
               const std::string& bytes) {
  const auto fail = [&] {
    throw IoError(path + ": array '" + name + "' can't be written: " + zip_strerror(archive));
  };
  zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
  if (source == nullptr) fail();
  const auto index = zip_file_add(archive, (name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    fail();
  }
  const auto entry = static_cast<zip_uint64_t>(index);
  // Stored, so that the arrays can be mapped; dated 1980-01-01, so that equal arrays give equal
  // files.
  if (zip_set_file_compression(archive, entry, ZIP_CM_STORE, 0) != 0 ||
      zip_file_set_dostime(archive, entry, 0, 0x21, 0) != 0) {
    fail();
  }
}

}  // namespace

void write_text(const std::filesystem::path& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

void write_npy(const std::filesystem::path& path, ConstMatrixView matrix, StorageType type) {
  AtomicFile file(path);
  write_array(file, matrix, type);
  file.commit();
}

void write_npz_members(const std::filesystem::path& path, const std::vector<NpzMember>& members) {
  if (members.empty()) throw InvalidArgument(path.string() + ": an archive needs an array");
  std::unordered_set<std::string> names;
  for (const NpzMember& member : members) {
    if (!names.insert(member.name).second) {
      throw InvalidArgument(path.string() + ": two arrays are called '" + member.name + "'");
    }
  }
  AtomicFile file(path);
  int code = 0;
  ArchivePointer archive(zip_open(file.temporary().c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (!archive) throw IoError(path.string() + ": the archive can't be made");
  for (const NpzMember& member : members)
    add_array(archive.get(), path.string(), member.name, member.bytes);
  if (zip_close(archive.get()) != 0) {
    throw IoError(path.string() + ": can't be written: " + zip_strerror(archive.get()));
  }
  archive.release();
  file.commit();
}

void write_npz(const std::filesystem::path& path, const std::vector<NamedMatrix>& arrays,
               StorageType type) {
  std::vector<NpzMember> members;  // libzip reads them when it closes the archive
  for (const auto& array : arrays) {
    NpzMember member{array.name, npy_header(array.matrix.rows(), array.matrix.cols(), type)};
    member.bytes.reserve(member.bytes.size() + array.matrix.rows() * array.matrix.cols() * 8);
    append_rows(member.bytes, array.matrix, 0, array.matrix.rows(), type);
    members.push_back(std::move(member));
  }
  write_npz_members(path, members);
}

void write_dataset(const std::filesystem::path& folder, const Dataset& dataset, StorageType type) {
  check_writable(dataset);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw IoError(folder.string() + ": can't be made: " + error.message());
  // Everything is on disk under temporary names before the first rename; the manifest comes last.
  std::vector<AtomicFile> files;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < dataset.environments.size(); ++i) {
    names.push_back(file_name(i, dataset.environments[i].name));
    files.emplace_back(folder / names.back());
    write_array(files.back(), dataset.environments[i].samples, type);
    files.back().sync();
  }
  files.emplace_back(folder / "lodestein.toml").write(manifest_text(dataset, names));
  for (auto& file : files) file.commit();
}

void write_dataset_csv(const std::filesystem::path& path, const Dataset& dataset) {
  check_writable(dataset);
  const std::string first = "environment";
  if (std::find(dataset.features.begin(), dataset.features.end(), first) !=
      dataset.features.end()) {
    throw InvalidArgument(path.string() +
                          ": a feature is called 'environment', like the column of "
                          "labels; rename it");
  }
  AtomicFile file(path);
  std::string text;
  append_header(text, first, dataset.features);
  for (const auto& environment : dataset.environments) {
    for (std::size_t i = 0; i < environment.samples.rows(); ++i) {
      append_row(text, environment.name, environment.samples.row(i), environment.samples.cols());
      if (text.size() < piece) continue;
      file.write(text);
      text.clear();
    }
  }
  file.write(text);
  file.commit();
}

void write_matrix_csv(const std::filesystem::path& path, ConstMatrixView matrix,
                      const std::vector<std::string>& row_names,
                      const std::vector<std::string>& column_names) {
  check_count(path.string() + ": rows", row_names.size(), matrix.rows());
  check_count(path.string() + ": columns", column_names.size(), matrix.cols());
  std::string text;
  append_header(text, "", column_names);
  for (std::size_t i = 0; i < matrix.rows(); ++i) {
    append_row(text, row_names[i], matrix.row(i), matrix.cols());
  }
  write_text(path, text);
}

}  // namespace lodestein
