#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "data_files.hpp"
#include "lodestein/data/read.hpp"
#include "lodestein/data/write.hpp"

namespace lodestein {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string io_error(const std::filesystem::path& path, const ReadOptions& options = {}) {
  return message_of<IoError>([&] { read_dataset(path, options); });
}

TEST(Folder, HoldsOneFilePerEnvironment) {
  const TemporaryFolder folder;
  folder.write("obs.csv", "a,b\n1,2\n3,4\n");
  folder.write_gzip("k2.tsv.gz", "a\tb\n5\t6\n");
  folder.write("k1.csv", "a,b\n7,8\n");
  folder.write("README.md", "not data");
  const Dataset data = read_dataset(folder.path());
  EXPECT_THAT(data.features, ElementsAre("a", "b"));
  ASSERT_EQ(data.environments.size(), 3u);
  EXPECT_EQ(data.environments[0].samples, (Matrix{{1, 2}, {3, 4}}));
  EXPECT_EQ(data.environments[1].name, "k1");
  EXPECT_EQ(data.environments[2].name, "k2");
}

TEST(Folder, HoldsArrays) {
  const TemporaryFolder folder;
  const Matrix a{{1, 2}}, b{{3, 4}};
  write_npy(folder / "obs.npy", a);
  write_npz(folder / "k.npz", {{"anything", b}});
  ReadOptions options;
  options.features = {"x2"};
  const Dataset data = read_dataset(folder.path(), options);
  EXPECT_EQ(data.environments[0].samples, (Matrix{{2}}));
  EXPECT_EQ(data.environments[1].samples, (Matrix{{4}}));
}

TEST(Folder, ReadsOnlyTheFilesAskedFor) {
  const TemporaryFolder folder;
  folder.write("e1.csv", "a\n1\n");
  folder.write("e2.csv", "a\n2\n");
  folder.write("e3.csv", "a\n3\n");
  folder.write("graph.csv", "from,to\nx,y\n");
  ReadOptions options;
  options.observational = {"e2", "e1"};
  options.environments = {"e3"};
  const Dataset data = read_dataset(folder.path(), options);
  EXPECT_EQ(data.environments[0].samples, (Matrix{{2}, {1}}));
  EXPECT_EQ(data.environments[0].name, "e2+e1");
}

TEST(FolderError, NamesTheDifference) {
  const TemporaryFolder folder;
  folder.write("obs.csv", "a,b\n1,2\n");
  folder.write("k.csv", "a,c\n1,2\n");
  EXPECT_THAT(io_error(folder.path()),
              AllOf(HasSubstr("k.csv"), HasSubstr("column 2 is 'c'"), HasSubstr("'b'")));
  const TemporaryFolder nothing;
  EXPECT_THAT(io_error(nothing.path()), HasSubstr("neither a lodestein.toml"));
  folder.write("k.npy", "");
  EXPECT_THAT(io_error(folder.path()), HasSubstr("two environments are called 'k'"));
  ReadOptions options;
  options.environment_column = "env";
  EXPECT_THAT(message_of<InvalidArgument>([&] { read_dataset(folder.path(), options); }),
              HasSubstr("--environment-column is of no use here"));
}

TEST(Manifest, NamesEverything) {
  const TemporaryFolder folder;
  const Matrix a{{1, 2}}, b{{3, 4}};
  write_npz(folder / "all.npz", {{"first", a}, {"second", b}});
  folder.write("more.csv", "id,q,p\nc1,20,10\n");
  const auto path = folder.write("study.toml", R"toml(
features = ["p", "q"]
[[environments]]
name = "knockout"
file = "all.npz"
key = "second"
targets = ["z1", "z2"]
[[environments]]
name = "rest"
file = "all.npz"
key = "first"
observational = true
[[environments]]
name = "more"
file = "more.csv"
[[preprocessing]]
name = "log1p"
detail = "log(1 + x)"
)toml");
  const Dataset data = read_dataset(path);
  EXPECT_THAT(data.features, ElementsAre("p", "q"));
  EXPECT_EQ(data.environments[0].name, "rest");
  EXPECT_EQ(data.environments[0].samples, a);
  EXPECT_THAT(data.environments[1].targets, ElementsAre("z1", "z2"));
  EXPECT_EQ(data.environments[2].samples, (Matrix{{10, 20}}));
  EXPECT_EQ(data.preprocessing.at(0).name, "log1p");
}

TEST(ManifestError, NamesLineAndKey) {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& text) {
    return io_error(folder.write("m.toml", text));
  };
  const std::string start = "[[environments]]\nname = \"obs\"\n";
  EXPECT_THAT(error(start + "fil = \"a.npy\"\n"),
              AllOf(HasSubstr("m.toml:3:"), HasSubstr("unknown key 'fil'"), HasSubstr("'file'")));
  EXPECT_THAT(error(start), AllOf(HasSubstr("m.toml:1:"), HasSubstr("'file' is missing")));
  EXPECT_THAT(error(start + "file = 3\n"), HasSubstr("m.toml:3: 'file' must be a string"));
  EXPECT_THAT(error(start + "file = \"gone.npy\"\n"), HasSubstr("gone.npy: there is no such file"));
  EXPECT_THAT(error(start + "file = \"a.xls\"\n"), HasSubstr("ends in .csv"));
  EXPECT_THAT(error(start + "file = \"a.npy\"\nkey = \"x\"\n"), HasSubstr("only .npz files"));
  EXPECT_THAT(error(start + "file = \n"), HasSubstr("m.toml:3:"));
  EXPECT_THAT(error("# \u01fe\nna\u01fee = 'x'\n"), HasSubstr("m.toml:2:"));
  EXPECT_THAT(error("features = [1]\n"), HasSubstr("list of strings"));
  EXPECT_THAT(error("environments = 1\n"), HasSubstr("[[environments]]"));
  EXPECT_THAT(error("format = 2\n"), HasSubstr("'format' must be 1"));
  EXPECT_THAT(error("format = 1\n"), HasSubstr("lists no environment"));
}

TEST(ManifestError, CountsFeatures) {
  const TemporaryFolder folder;
  const Matrix a{{1, 2}};
  write_npy(folder / "a.npy", a);
  const auto path = folder.write(
      "m.toml", "features = [\"p\"]\n[[environments]]\nname = \"obs\"\nfile = \"a.npy\"\n");
  EXPECT_THAT(io_error(path), AllOf(HasSubstr("a.npy: has 2 columns"), HasSubstr("1 features")));
}

RC_GTEST_PROP(WriteDataset, ReadsBackWhole,
              (std::vector<std::string> features, std::vector<std::string> targets,
               std::string name, std::string detail)) {
  const auto printable = [](std::string text) {  // TOML is UTF-8
    for (char& c : text) c = static_cast<char>(32 + (static_cast<unsigned char>(c) % 95));
    return text;
  };
  RC_PRE(!features.empty());
  Dataset data;
  for (std::size_t i = 0; i < features.size(); ++i) {
    data.features.push_back(std::to_string(i) + printable(features[i]));
  }
  for (auto& target : targets) target = printable(target);
  Matrix samples(3, features.size());
  for (std::size_t i = 0; i < 3 * features.size(); ++i) {
    samples.data()[i] = *rc::gen::arbitrary<double>();
  }
  data.environments = {{"o" + printable(name), {}, samples},
                       {"k" + printable(name), targets, samples}};
  data.preprocessing = {{"log1p", printable(detail)}};
  const TemporaryFolder folder;
  write_dataset(folder / "new/study", data, StorageType::float64);
  expect_equal(read_dataset(folder / "new/study"), data);
}

TEST(WriteDataset, ReplacesAnOlderOneAndLeavesNothingBehind) {
  const TemporaryFolder folder;
  Dataset data{{"x"}, {{"obs", {}, {{1}}}, {"k/1", {}, {{2}}}}, {}};
  write_dataset(folder.path(), data);
  data.environments[0].samples(0, 0) = 5;
  write_dataset(folder.path(), data);
  expect_equal(read_dataset(folder.path()), data);
  EXPECT_THAT(folder.names(), ElementsAre("0-obs.npy", "1-k_1.npy", "lodestein.toml"));
}

TEST(WriteDataset, RefusesWhatCantBeReadBack) {
  const TemporaryFolder folder;
  const Dataset twice{{"x"}, {{"obs", {}, {{1}}}, {"obs", {}, {{2}}}}, {}};
  EXPECT_THROW(write_dataset(folder / "a", twice), InvalidArgument);
  const Dataset wide{{"x"}, {{"obs", {}, {{1, 2}}}}, {}};
  EXPECT_THROW(write_dataset(folder / "a", wide), DimensionMismatch);
  EXPECT_THROW(write_dataset_csv(folder / "a.csv", wide), DimensionMismatch);
  const Dataset column{{"environment"}, {{"obs", {}, {{1}}}}, {}};
  EXPECT_THROW(write_dataset_csv(folder / "a.csv", column), InvalidArgument);
  EXPECT_THAT(folder.names(), ElementsAre());
}

TEST(WriteText, KeepsTheOldFileIfItFails) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<IoError>([&] { write_text(folder / "gone/a.txt", "x"); }),
              AllOf(HasSubstr("gone/a.txt"), HasSubstr("No such file")));
  std::filesystem::create_directory(folder / "a");
  EXPECT_THAT(message_of<IoError>([&] { write_text(folder / "a", "x"); }),
              HasSubstr("is a folder"));
  write_text(folder / "b", "old");
  const std::vector<NamedMatrix> twice = {{"x", {}}, {"x", {}}};
  EXPECT_THROW(write_npz(folder / "b", twice), InvalidArgument);
  EXPECT_EQ(content_of(folder / "b"), "old");
  EXPECT_THAT(folder.names(), ElementsAre("a", "b"));
}

TEST(WriteMatrixCsv, NamesRowsAndColumns) {
  const TemporaryFolder folder;
  write_matrix_csv(folder / "a.csv", Matrix{{0, 0.1}, {1e300, -2}}, {"a,b", "c"}, {"a", "q\"q"});
  EXPECT_EQ(content_of(folder / "a.csv"), ",a,\"q\"\"q\"\n\"a,b\",0,0.1\nc,1e+300,-2\n");
  EXPECT_THROW(write_matrix_csv(folder / "a.csv", Matrix{{1}}, {}, {"a"}), DimensionMismatch);
}

TEST(GraphFiles, EscapeNamesAndShowLabels) {
  Digraph graph(2);
  graph.set_edge(0, 1);
  const std::vector<std::string> names = {"a \"b\" \\ & <c>", "d"};
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  const std::string dot = to_dot(graph, names, {{0, 1, 0.83333, 0.95}});
  EXPECT_THAT(dot, HasSubstr("\"a \\\"b\\\" \\\\ &amp; <c>\" -> \"d\" [label=\"0.833\\n95%\""));
  EXPECT_THAT(to_dot(graph, names, {{0, 1, -2, unknown}}), HasSubstr("[label=\"-2\"]"));
  EXPECT_THAT(to_dot(graph, names), HasSubstr("-> \"d\";"));

  const std::string xml = to_graphml(graph, names, {{0, 1, 0.5, unknown}});
  EXPECT_THAT(xml, AllOf(HasSubstr("a &quot;b&quot; \\ &amp; &lt;c&gt;"),
                         HasSubstr("source=\"n0\" target=\"n1\""),
                         HasSubstr("<data key=\"weight\">0.5</data>")));
  EXPECT_THAT(xml, testing::Not(HasSubstr("key=\"support\">")));
  EXPECT_THROW(to_dot(graph, names, {{1, 0, 1, 1}}), InvalidArgument);
  EXPECT_THROW(to_graphml(graph, {"a"}), DimensionMismatch);
}

}  // namespace
}  // namespace lodestein
