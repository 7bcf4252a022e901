#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "core/staged_folder.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/data/write.hpp"
#include "tool/command.hpp"

namespace lodestein::tool {
namespace {

namespace fs = std::filesystem;

/// What write_dataset writes. A study has a truth beside it, which must not be lost.
FolderContent dataset_folder() {
  return {"dataset", {"lodestein.toml"}, {"lodestein.toml", ".npy"}};
}

struct ConvertOptions {
  fs::path input, output;
  DataOptions data;
  StorageType storage = StorageType::float64;
};

enum class Format { csv, npz, folder };

Format format_of(const fs::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".csv") return Format::csv;
  if (extension == ".npz") return Format::npz;
  if (extension.empty()) return Format::folder;
  throw UsageError("'" + extension +
                   "' is not a format that can be written; end the output in .csv or .npz, or name "
                   "a folder");
}

void check_output(const ConvertOptions& options, const CLI::App& app) {
  const Format format = format_of(options.output);
  if (format == Format::csv && app.count("--storage"))
    throw UsageError("--storage has no effect on .csv; leave it out");
  if (fs::exists(options.input) && fs::exists(options.output) &&
      fs::equivalent(options.input, options.output))
    throw UsageError("input and output are the same; give another output");
  if (format == Format::folder) check_replaceable(options.output, dataset_folder());
}

void write_dataset_npz(const fs::path& path, const Dataset& dataset, StorageType storage) {
  std::vector<NamedMatrix> arrays;
  for (const Environment& environment : dataset.environments)
    arrays.push_back({environment.name, environment.samples});
  write_npz(path, arrays, storage);
}

void write_output(const ConvertOptions& options, const Dataset& dataset,
                  const ProgressObserver& observer) {
  switch (format_of(options.output)) {
    case Format::csv:
      return write_dataset_csv(options.output, dataset);
    case Format::npz:
      return write_dataset_npz(options.output, dataset, options.storage);
    case Format::folder:
      break;
  }
  StagedFolder folder(options.output, dataset_folder());
  write_dataset(folder.path(), dataset, options.storage);
  check_cancelled(observer);
  folder.commit();
}

int run_convert(const ConvertOptions& options, const Context& context) {
  ProgressObserver observer = context.observer();
  const Dataset dataset = read_input(options.input, options.data, Seed{context.seed}, observer);
  check_cancelled(observer);
  write_output(options, dataset, observer);
  context.say(fmt::format("{} samples, {} and {} written to {}\n", dataset.sample_count(),
                          counted(dataset.feature_count(), "feature"),
                          counted(dataset.environments.size(), "environment"),
                          options.output.string()));
  context.emit(nlohmann::ordered_json{{"output", options.output.string()},
                                      {"samples", dataset.sample_count()},
                                      {"features", dataset.feature_count()},
                                      {"environments", dataset.environments.size()}}
                   .dump(2) +
               "\n");
  return done;
}

}  // namespace

Runner add_convert(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ConvertOptions>();
  app.add_option("INPUT", options->input, "Any dataset that `fit` reads")->required();
  app.add_option("OUTPUT", options->output, "FILE.csv, FILE.npz, or a folder")->required();
  add_data_options(app, options->data);
  add_choice(app, "--storage", options->storage, storage_names,
             "Number format in .npz and folders");
  app.add_option("--seed", context.seed, "Of the preprocessing step pca=parallel")
      ->capture_default_str()
      ->type_name("N");
  add_output_options(app, context);
  app.footer(
      "\nExample:\n  lodestein convert screen.h5ad screen --environment-column target \\\n"
      "    --observational non-targeting --preprocess counts-per-million,log1p\n");
  return [options, &app](const Context& c) {
    check_output(*options, app);
    return run_convert(*options, c);
  };
}

}  // namespace lodestein::tool
