#include "lodestein/data/read.hpp"

#include <new>
#include <stdexcept>

#include "data/formats.hpp"
#include "data/source.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

enum class Format { csv, matrix_market, h5ad, npz, manifest, folder };

Format format_of(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    throw IoError(path.string() + ": there is no such file or folder");
  }
  if (std::filesystem::is_directory(status)) return Format::folder;
  if (has_extension(path, ".csv", true) || has_extension(path, ".tsv", true)) return Format::csv;
  if (has_extension(path, ".mtx", true)) return Format::matrix_market;
  if (has_extension(path, ".h5ad")) return Format::h5ad;
  if (has_extension(path, ".npz")) return Format::npz;
  if (has_extension(path, ".toml")) return Format::manifest;
  if (has_extension(path, ".npy")) {
    throw IoError(path.string() +
                  ": one .npy holds one environment; give the folder with one file "
                  "per environment, or a lodestein.toml");
  }
  throw IoError(path.string() +
                ": the format isn't known by this name; use .csv, .tsv (also .gz), "
                ".mtx, .mtx.gz, .h5ad, .npz, .toml or a folder");
}

/// A set option that the format can't use would be silently ignored; refuse it.
void check_options(const std::filesystem::path& path, Format format, const ReadOptions& options) {
  const bool one_table =
      format == Format::csv || format == Format::matrix_market || format == Format::h5ad;
  const auto refuse = [&](bool set, bool usable, const char* option, const char* usable_by) {
    if (set && !usable) {
      throw InvalidArgument(path.string() + ": " + option + " is of no use here; it is for " +
                            usable_by);
    }
  };
  refuse(options.environment_column.has_value(), one_table, "--environment-column",
         "tables that hold all environments (.csv, .tsv, .mtx, .h5ad)");
  refuse(options.cells.has_value(), format == Format::matrix_market, "--cells", ".mtx files");
  refuse(options.genes.has_value(), format == Format::matrix_market, "--genes", ".mtx files");
  refuse(options.layer.has_value(), format == Format::h5ad, "--layer", ".h5ad files");
}

Dataset dispatch(const std::filesystem::path& path, Format format, const ReadOptions& options,
                 Observer& observer) {
  switch (format) {
    case Format::csv:
      return read_csv_dataset(path, options, observer);
    case Format::matrix_market:
      return read_matrix_market(path, options, observer);
    case Format::h5ad:
      return read_h5ad(path, options, observer);
    case Format::npz:
      return read_npz_dataset(path, options, observer);
    case Format::manifest:
      return read_manifest(path, options, observer);
    case Format::folder:
      break;
  }
  return read_folder(path, options, observer);
}

}  // namespace

Dataset read_dataset(const std::filesystem::path& path, const ReadOptions& options,
                     Observer& observer) {
  const Format format = format_of(path);
  check_options(path, format, options);
  try {
    return dispatch(path, format, options, observer);
  } catch (const std::bad_alloc&) {
    throw IoError(path.string() +
                  ": there isn't enough memory to read it; keep fewer columns with "
                  "--features");
  } catch (const std::length_error&) {
    throw IoError(path.string() + ": claims a size that no memory can hold; it is damaged");
  } catch (const std::filesystem::filesystem_error& error) {
    throw IoError(path.string() + ": can't be read: " + error.code().message());
  }
}

}  // namespace lodestein
