#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "data/csv.hpp"
#include "data_files.hpp"
#include "lodestein/data/read.hpp"
#include "lodestein/data/write.hpp"

namespace lodestein {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

ReadOptions by(const std::string& column, std::vector<std::string> observational = {}) {
  ReadOptions options;
  options.environment_column = column;
  options.observational = std::move(observational);
  return options;
}

std::string io_error(const std::filesystem::path& path, const ReadOptions& options) {
  return message_of<IoError>([&] { read_dataset(path, options); });
}
std::string argument_error(const std::filesystem::path& path, const ReadOptions& options) {
  return message_of<InvalidArgument>([&] { read_dataset(path, options); });
}

TEST(Csv, SortsRowsByEnvironment) {
  const TemporaryFolder folder;
  const auto path = folder.write("a.csv", "x,env,y\n1,k,2\n3,obs,4\n5,k,6\n");
  const Dataset data = read_dataset(path, by("env"));
  EXPECT_THAT(data.features, ElementsAre("x", "y"));
  ASSERT_EQ(data.environments.size(), 2u);
  EXPECT_EQ(data.environments[0].name, "obs");
  EXPECT_EQ(data.environments[0].samples, (Matrix{{3, 4}}));
  EXPECT_EQ(data.environments[1].name, "k");
  EXPECT_EQ(data.environments[1].samples, (Matrix{{1, 2}, {5, 6}}));
}

TEST(Csv, UnderstandsQuotesCrlfMarkBlankLinesAndPlus) {
  const TemporaryFolder folder;
  const auto path = folder.write(
      "a.csv", "\xef\xbb\xbf\"a \"\"b\"\", c\",environment\r\n\r\n +1.5e3 , obs \r\n\"-2\",k\r\n");
  const Dataset data = read_dataset(path);
  EXPECT_THAT(data.features, ElementsAre("a \"b\", c"));
  EXPECT_EQ(data.environments[0].samples, (Matrix{{1500}}));
  EXPECT_EQ(data.environments[1].samples, (Matrix{{-2}}));
}

TEST(Csv, ReadsTabsAndGzip) {
  const TemporaryFolder folder;
  const auto path = folder.write_gzip("a.tsv.gz", "e\tx\tname, of y\n0\t1\t2\n1\t3\t4");
  const Dataset data = read_dataset(path, by("e"));
  EXPECT_THAT(data.features, ElementsAre("x", "name, of y"));
  EXPECT_EQ(data.environments[1].samples, (Matrix{{3, 4}}));
}

TEST(Csv, PoolsSeveralObservationalLabels) {
  const TemporaryFolder folder;
  const auto path = folder.write("a.csv", "e,x\n3,30\n1,10\n2,20\n1,11\n");
  const Dataset data = read_dataset(path, by("e", {"1", "2"}));
  ASSERT_EQ(data.environments.size(), 2u);
  EXPECT_EQ(data.environments[0].name, "1+2");
  EXPECT_EQ(data.environments[0].samples, (Matrix{{10}, {11}, {20}}));
}

TEST(Csv, KeepsChosenColumnsAndLabelsInTheOrderAskedFor) {
  const TemporaryFolder folder;
  const auto path =
      folder.write("a.csv", "id,e,x,y,z\nc1,obs,1,2,3\nc2,a,4,5,6\nc3,b,7,8,9\nc4,c,n/a,,oops\n");
  ReadOptions options = by("e");
  options.features = {"z", "x"};
  options.environments = {"b", "a"};
  const Dataset data = read_dataset(path, options);
  EXPECT_THAT(data.features, ElementsAre("z", "x"));
  ASSERT_EQ(data.environments.size(), 3u);
  EXPECT_EQ(data.environments[1].samples, (Matrix{{9, 7}}));
  EXPECT_EQ(data.environments[2].samples, (Matrix{{6, 4}}));

  ReadOptions ignoring = by("e");
  ignoring.ignore = {"id", "y"};
  ignoring.environments = {"a"};
  EXPECT_THAT(read_dataset(path, ignoring).features, ElementsAre("x", "z"));
}

TEST(CsvError, NamesFileLineColumnAndRemedyOfText) {
  const TemporaryFolder folder;
  const auto path = folder.write("study.csv", "e,praf,id\nobs,1,c1\n");
  EXPECT_THAT(io_error(path, by("e")),
              AllOf(HasSubstr("study.csv:2:"), HasSubstr("column 'id'"),
                    HasSubstr("'c1' is not a number"), HasSubstr("--ignore id")));
}

TEST(CsvError, CountsLinesThroughQuotesBlankLinesAndCarriageReturns) {
  const TemporaryFolder folder;
  const auto crlf = folder.write("a.csv", "e,t,x\r\nobs,\"a\nb\",1\r\n\r\nobs,c,oops\r\n");
  ReadOptions options = by("e");
  options.ignore = {"t"};
  EXPECT_THAT(io_error(crlf, options), HasSubstr("a.csv:5: column 'x'"));
  const auto mac = folder.write("b.csv", "e,x\robs,1\robs,oops\r");
  EXPECT_THAT(io_error(mac, by("e")), HasSubstr("b.csv:3:"));
}

TEST(CsvError, CountsMissingAndInfiniteCells) {
  const TemporaryFolder folder;
  const auto path = folder.write("a.csv", "e,x,y\nobs,1,2\nk,3,NA\nk,nan,-Inf\nk,,1e999\n");
  EXPECT_THAT(io_error(path, by("e")),
              AllOf(HasSubstr("a.csv:3: column 'y': 'NA'"), HasSubstr("5 such cells")));
  ReadOptions only = by("e", {"obs"});
  only.environments = {"obs"};
  EXPECT_EQ(read_dataset(path, only).environments.size(), 1u);
}

TEST(CsvError, RaggedRows) {
  const TemporaryFolder folder;
  EXPECT_THAT(io_error(folder.write("a.csv", "e,x\nobs,1\nobs,1,2\n"), by("e")),
              AllOf(HasSubstr("a.csv:3:"), HasSubstr("3 cells, the header has 2")));
  EXPECT_THAT(io_error(folder.write("b.csv", "e,x\nobs\n"), by("e")),
              AllOf(HasSubstr("b.csv:2:"), HasSubstr("1 cells")));
}

TEST(CsvError, EmptyFiles) {
  const TemporaryFolder folder;
  EXPECT_THAT(io_error(folder.write("a.csv", ""), by("e")), HasSubstr("a.csv: is empty"));
  EXPECT_THAT(io_error(folder.write("b.csv", "\n\n"), by("e")), HasSubstr("no header"));
  EXPECT_THAT(io_error(folder.write("c.csv", "e,x\n"), by("e")), HasSubstr("no rows"));
  EXPECT_THAT(io_error(folder / "d.csv", by("e")), HasSubstr("d.csv: there is no such file"));
}

TEST(CsvError, UnknownColumnsWithTheNearest) {
  const TemporaryFolder folder;
  const auto path = folder.write("a.csv", "env,praf,pmek\nobs,1,2\n");
  EXPECT_THAT(argument_error(path, by("Env")),
              AllOf(HasSubstr("no column 'Env'"), HasSubstr("nearest are 'env'")));
  EXPECT_THAT(argument_error(path, {}), HasSubstr("--environment-column"));
  ReadOptions options = by("env");
  options.features = {"pmk"};
  EXPECT_THAT(argument_error(path, options), HasSubstr("nearest are 'pmek'"));
  options.features = {};
  options.ignore = {"raf"};
  EXPECT_THAT(argument_error(path, options), HasSubstr("nearest are 'praf'"));
}

TEST(CsvError, LabelsThatMatchNothingWithTheNearest) {
  const TemporaryFolder folder;
  const auto path = folder.write("a.csv", "env,x\nControl,1\nSTAT1,2\n");
  EXPECT_THAT(argument_error(path, by("env", {"control"})),
              AllOf(HasSubstr("column 'env'"), HasSubstr("no label 'control'"),
                    HasSubstr("nearest are 'Control'")));
  EXPECT_THAT(argument_error(path, by("env")),
              AllOf(HasSubstr("--observational"), HasSubstr("'Control', 'STAT1'")));
  ReadOptions options = by("env", {"Control"});
  options.environments = {"STAT2"};
  EXPECT_THAT(argument_error(path, options), HasSubstr("nearest are 'STAT1'"));
  const auto both = folder.write("b.csv", "env,x\nobs,1\ncontrol,2\n");
  EXPECT_THAT(argument_error(both, by("env")), HasSubstr("all look observational"));
}

TEST(CsvError, ColumnNames) {
  const TemporaryFolder folder;
  EXPECT_THAT(io_error(folder.write("a.csv", "e,x,x\nobs,1,2\n"), by("e")),
              HasSubstr("columns 2 and 3 are both called 'x'"));
  const auto pandas = folder.write("b.csv", ",e,x\n0,obs,2\n");
  EXPECT_THAT(io_error(pandas, by("e")), HasSubstr("--ignore column_1"));
  ReadOptions options = by("e");
  options.ignore = {"column_1"};
  EXPECT_THAT(read_dataset(pandas, options).features, ElementsAre("x"));
}

TEST(CsvError, DamagedText) {
  const TemporaryFolder folder;
  EXPECT_THAT(io_error(folder.write("a.csv", "e,x\nobs,1\n\"k,2\n"), by("e")),
              AllOf(HasSubstr("a.csv:3:"), HasSubstr("never ends")));
  EXPECT_THAT(io_error(folder.write("b.csv", "e,x\nob\"s,1\n"), by("e")),
              AllOf(HasSubstr("b.csv:2:"), HasSubstr("quote")));
  EXPECT_THAT(io_error(folder.write("c.csv",
                                    "\xff\xfe"
                                    "e,x"),
                       by("e")),
              HasSubstr("UTF-16"));
  EXPECT_THAT(io_error(folder.write("d.csv", "e,x\n,1\n"), by("e")),
              AllOf(HasSubstr("d.csv:2:"), HasSubstr("label is empty")));
  EXPECT_THAT(io_error(folder.write("f.csv", std::string("e,x\nobs,\0\n", 10)), by("e")),
              AllOf(HasSubstr("f.csv:"), HasSubstr("zero bytes")));
}

TEST(CsvError, Gzip) {
  const TemporaryFolder folder;
  std::string rows = "e,x\n";
  for (int i = 0; i < 5000; ++i) rows += "obs," + std::to_string(i * 7919 % 10007) + "\n";
  const auto whole = content_of(folder.write_gzip("whole.csv.gz", rows));
  EXPECT_THAT(io_error(folder.write("a.csv.gz", whole.substr(0, whole.size() / 2)), by("e")),
              AllOf(HasSubstr("a.csv.gz"), HasSubstr("truncated")));
  EXPECT_THAT(io_error(folder.write("b.csv.gz", rows), by("e")), HasSubstr("not gzip"));
  std::string damaged = whole;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
  EXPECT_THAT(io_error(folder.write("c.csv.gz", damaged), by("e")), HasSubstr("c.csv.gz"));
}

TEST(CsvError, OptionsOfOtherFormats) {
  const TemporaryFolder folder;
  const auto path = folder.write("a.csv", "e,x\nobs,1\n");
  ReadOptions options = by("e");
  options.layer = "counts";
  EXPECT_THAT(argument_error(path, options), HasSubstr("--layer is of no use here"));
  options = by("e");
  options.genes = "genes.txt";
  EXPECT_THAT(argument_error(path, options), HasSubstr("--genes"));
  options = by("e");
  options.cells = "cells.csv";
  EXPECT_THAT(argument_error(path, options), HasSubstr("--cells"));
  EXPECT_THAT(message_of<IoError>([&] { read_dataset(folder.write("a.txt", "x")); }),
              HasSubstr("format isn't known"));
}

TEST(Csv, StopsWhenAsked) {
  struct Impatient : Observer {
    bool cancelled() const override { return true; }
  } observer;
  const TemporaryFolder folder;
  const auto path = folder.write("a.csv", "e,x\nobs,1\n");
  EXPECT_THROW(read_dataset(path, by("e"), observer), Cancelled);
}

TEST(Csv, ReportsProgressOverTheBytes) {
  struct Counter : Observer {
    std::size_t last = 0, total = 0;
    void progress(std::string_view, std::size_t done, std::size_t all) override {
      EXPECT_GE(done, last);
      last = done;
      total = all;
    }
  } observer;
  const TemporaryFolder folder;
  const auto path = folder.write("a.csv", "e,x\nobs,1\n");
  read_dataset(path, by("e"), observer);
  EXPECT_EQ(observer.last, 10u);
  EXPECT_EQ(observer.total, 10u);
}

TEST(Cell, TellsNumbersFromOtherText) {
  double value = 0;
  EXPECT_EQ(parse_cell("1e-999", value), CellKind::number);
  EXPECT_EQ(value, 0.0);
  EXPECT_EQ(parse_cell("4.9e-324", value), CellKind::number);
  EXPECT_EQ(parse_cell("1e999", value), CellKind::not_finite);
  EXPECT_EQ(parse_cell("Infinity", value), CellKind::not_finite);
  EXPECT_EQ(parse_cell("na", value), CellKind::not_finite);
  EXPECT_EQ(parse_cell("", value), CellKind::not_finite);
  EXPECT_EQ(parse_cell("1,5", value), CellKind::text);
  EXPECT_EQ(parse_cell("1.5x", value), CellKind::text);
  EXPECT_EQ(parse_cell("+-1", value), CellKind::text);
  EXPECT_EQ(parse_cell("+", value), CellKind::text);
}

/// Names that a CSV can hold as a header: not empty, distinct.
std::vector<std::string> distinct(std::vector<std::string> names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    names[i] = std::to_string(i) + names[i] + std::to_string(i);
  }
  return names;
}

RC_GTEST_PROP(Csv, WrittenDatasetsReadBackExactly,
              (std::vector<std::string> features, std::vector<std::string> labels)) {
  RC_PRE(!features.empty() && !labels.empty());
  Dataset data;
  data.features = distinct(features);
  for (auto& name : distinct(labels)) {
    Matrix samples(*rc::gen::inRange<std::size_t>(1, 4), features.size());
    for (std::size_t i = 0; i < samples.rows() * samples.cols(); ++i) {
      const auto bits = *rc::gen::arbitrary<std::int64_t>();
      samples.data()[i] = static_cast<double>(bits) * std::pow(2.0, *rc::gen::inRange(-900, 900));
    }
    data.environments.push_back({name, {}, samples});
  }
  const TemporaryFolder folder;
  write_dataset_csv(folder / "a.csv", data);
  ReadOptions options;
  options.observational = {data.environments.front().name};
  expect_equal(read_dataset(folder / "a.csv", options), data);
}

}  // namespace
}  // namespace lodestein
