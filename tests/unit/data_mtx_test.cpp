#include "data_files.hpp"
#include "lodestein/data/read.hpp"

namespace lodestein {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string banner = "%%MatrixMarket matrix ";

class MatrixMarket : public testing::Test {
 protected:
  MatrixMarket() {
    options_.environment_column = "target";
    options_.cells = folder_.write_gzip("cells.tsv.gz", "cell\ttarget\nc1\tobs\nc2\tA\nc3\tobs\n");
    options_.genes = folder_.write("genes.txt", "g1\ng2\n");
  }
  Dataset read(const std::string& content) {
    return read_dataset(folder_.write("m.mtx", content), options_);
  }
  std::string error(const std::string& content) {
    return message_of<IoError>([&] { read(content); });
  }
  void expect_standard(const Dataset& data) {
    EXPECT_THAT(data.features, ElementsAre("g1", "g2"));
    ASSERT_EQ(data.environments.size(), 2u);
    EXPECT_EQ(data.environments[0].samples, (Matrix{{1, 0}, {0, 3}}));
    EXPECT_EQ(data.environments[1].samples, (Matrix{{0, 2.5}}));
  }

  TemporaryFolder folder_;
  ReadOptions options_;
};

TEST_F(MatrixMarket, ReadsCoordinates) {
  expect_standard(
      read(banner + "coordinate real general\n% comment\n\n3 2 3\n1 1 1\n2 2 2.5\n3 2 3\n"));
}

TEST_F(MatrixMarket, ReadsGzip) {
  const auto path = folder_.write_gzip(
      "m.mtx.gz", banner + "coordinate real general\n3 2 3\n1 1 1\n2 2 2.5\n3 2 3\n");
  expect_standard(read_dataset(path, options_));
}

TEST_F(MatrixMarket, TransposesGenesByCells) {
  expect_standard(read(banner + "coordinate real general\n2 3 3\n1 1 1\n2 2 2.5\n2 3 3\n"));
}

TEST_F(MatrixMarket, ReadsArraysColumnByColumn) {
  expect_standard(read(banner + "array real general\n3 2\n1\n0\n0\n0\n2.5\n3\n"));
}

TEST_F(MatrixMarket, ReadsPatterns) {
  const Dataset data = read(banner + "COORDINATE pattern general\r\n3 2 2\r\n1 1\r\n2 2\r\n");
  EXPECT_EQ(data.environments[0].samples, (Matrix{{1, 0}, {0, 0}}));
  EXPECT_EQ(data.environments[1].samples, (Matrix{{0, 1}}));
}

TEST_F(MatrixMarket, MirrorsSymmetricMatrices) {
  options_.genes.reset();
  const Matrix obs{{1, 2, 0}, {0, 4, 0}}, intervened{{2, 0, 4}};
  for (const auto* content : {"coordinate integer symmetric\n3 3 3\n1 1 1\n2 1 2\n3 2 4\n",
                              "array integer symmetric\n3 3\n1\n2\n0\n0\n4\n0\n"}) {
    const Dataset data = read(banner + content);
    EXPECT_THAT(data.features, ElementsAre("x1", "x2", "x3"));
    EXPECT_EQ(data.environments[0].samples, obs);
    EXPECT_EQ(data.environments[1].samples, intervened);
  }
}

TEST_F(MatrixMarket, KeepsChosenGenesAndLabels) {
  options_.features = {"g2"};
  options_.environments = {"A"};
  const Dataset data = read(banner + "coordinate integer general\n3 2 2\n1 2 7\n2 1 9\n");
  EXPECT_EQ(data.environments[0].samples, (Matrix{{7}, {0}}));
  EXPECT_EQ(data.environments[1].samples, (Matrix{{0}}));
}

TEST_F(MatrixMarket, ErrorsNameTheLine) {
  EXPECT_THAT(error(banner + "coordinate real general\n3 2 1\n4 1 1\n"),
              AllOf(HasSubstr("m.mtx:3:"), HasSubstr("index 4"), HasSubstr("3 rows")));
  EXPECT_THAT(error(banner + "coordinate real general\n3 2 1\n1 0 1\n"), HasSubstr("index 0"));
  EXPECT_THAT(error(banner + "coordinate real general\n3 2 1\n1 1 nan\n"),
              HasSubstr("'nan' is not a finite number"));
  EXPECT_THAT(error(banner + "coordinate real general\n3 2 1\n1 1\n"), HasSubstr("m.mtx:3:"));
  EXPECT_THAT(error(banner + "coordinate real general\n3 2 2\n1 1 1\n"),
              AllOf(HasSubstr("promises 2"), HasSubstr("truncated")));
  EXPECT_THAT(error(banner + "coordinate real general\n3 2 1\n1 1 1\n1 2 1\n"),
              AllOf(HasSubstr("m.mtx:4:"), HasSubstr("more entries")));
  EXPECT_THAT(error(banner + "coordinate complex general\n"), HasSubstr("can't be read"));
  EXPECT_THAT(error("1 2 3\n"), HasSubstr("isn't a MatrixMarket file"));
}

TEST_F(MatrixMarket, ErrorsOfSizes) {
  EXPECT_THAT(error(banner + "coordinate real general\n4 2 1\n1 1 1\n"),
              AllOf(HasSubstr("is 4 x 2"), HasSubstr("3 cells and 2 genes")));
  options_.genes.reset();
  EXPECT_THAT(error(banner + "coordinate real general\n3 999999999999999 1\n1 1 1\n"),
              HasSubstr("more than this machine has"));
}

TEST_F(MatrixMarket, ErrorsOfOptions) {
  options_.cells.reset();
  EXPECT_THAT(message_of<InvalidArgument>([&] { read(banner + "coordinate real general\n"); }),
              HasSubstr("--cells"));
}

TEST_F(MatrixMarket, ErrorsOfLabels) {
  options_.environments = {"B"};
  const std::string content = banner + "coordinate real general\n3 2 1\n1 1 1\n";
  EXPECT_THAT(message_of<InvalidArgument>([&] { read(content); }),
              AllOf(HasSubstr("cells.tsv.gz"), HasSubstr("no label 'B'"), HasSubstr("'A'")));
}

}  // namespace
}  // namespace lodestein
