#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tool.hpp"

namespace lodestein::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Bad input gets one clear message, exit code 1, and no output.
class BadInput : public ToolTest {
 protected:
  /// Every text of `expected` must be in the message.
  void expect_refused(const std::string& arguments, const std::vector<std::string>& expected) {
    const auto before = entries();
    const Outcome run = lodestein(arguments);
    EXPECT_EQ(run.code, 1) << arguments << "\n" << run.err;
    EXPECT_THAT(run.out, IsEmpty());
    for (const std::string& text : expected) EXPECT_THAT(run.err, HasSubstr(text)) << arguments;
    EXPECT_EQ(entries(), before) << "output was left by: " << arguments;
  }
  void expect_csv_refused(const std::string& csv, const std::vector<std::string>& expected,
                          const std::string& more = "") {
    write_text_file(folder_ / "data.csv", csv);
    expect_refused("fit data.csv --environment-column env --observational obs --out fit " + more,
                   expected);
  }
};

/// Two features in three environments; the numbers are arbitrary but not constant.
std::string small_csv(int rows = 8) {
  std::string text = "env,a,b\n";
  for (const char* environment : {"obs", "ka", "kb"})
    for (int i = 1; i <= rows; ++i)
      text += std::string(environment) + "," + std::to_string((i * 7919) % 101) + "." +
              std::to_string((i * 31) % 97) + "," + std::to_string((i * 104729) % 89) + "\n";
  return text;
}

TEST_F(BadInput, MissingFile) {
  expect_refused("fit nowhere.csv --environment-column env --out fit", {"nowhere.csv"});
  expect_refused("fit nowhere --out fit", {"nowhere"});
}

TEST_F(BadInput, EmptyFile) { expect_csv_refused("", {"data.csv"}); }

TEST_F(BadInput, HeaderOnly) { expect_csv_refused("env,a,b\n", {"data.csv"}); }

TEST_F(BadInput, UnknownColumn) {
  write_text_file(folder_ / "data.csv", small_csv());
  expect_refused("fit data.csv --environment-column enw --observational obs --out fit",
                 {"enw", "env"});
  expect_refused(
      "fit data.csv --environment-column env --observational obs --features a,bb --out fit",
      {"bb", "'b'"});
}

TEST_F(BadInput, NonNumericCellNamesFileLineAndColumn) {
  expect_csv_refused("env,a,b\nobs,1,2\nobs,3,n/a\nka,1,2\nka,4,4\n", {"data.csv:3", "'b'", "n/a"});
}

TEST_F(BadInput, NotFiniteValues) {
  for (const char* value : {"nan", "inf", "-inf"})
    expect_csv_refused(small_csv() + "ka," + value + ",1\n", {"'a'"});
}

TEST_F(BadInput, RaggedRows) {
  expect_csv_refused("env,a,b\nobs,1,2\nobs,3\nka,1,2\n", {"data.csv:3"});
}

TEST_F(BadInput, WrongNpyHeader) {
  std::filesystem::create_directories(folder_ / "data");
  write_text_file(folder_ / "data" / "obs.npy", std::string("\x93NUMPY\x01\x00garbage", 15));
  write_text_file(folder_ / "data" / "ka.npy", "not an array at all");
  expect_refused("fit data --out fit", {".npy"});
}

TEST_F(BadInput, TruncatedArchives) {
  write_text_file(folder_ / "data.csv", small_csv(200));
  ASSERT_EQ(run_program({"gzip", "-k", "data.csv"}, folder_).code, 0);
  const std::string packed = read_text(folder_ / "data.csv.gz");
  write_text_file(folder_ / "cut.csv.gz", packed.substr(0, packed.size() / 2));
  expect_refused("fit cut.csv.gz --environment-column env --observational obs --out fit",
                 {"cut.csv.gz"});
  ASSERT_EQ(lodestein("convert data.csv all.npz --environment-column env --observational obs").code,
            0);
  const std::string zipped = read_text(folder_ / "all.npz");
  write_text_file(folder_ / "cut.npz", zipped.substr(0, zipped.size() / 2));
  expect_refused("fit cut.npz --out fit", {"cut.npz"});
  write_text_file(folder_ / "cut.h5ad", "\x89HDF\r\n\x1a\n");
  expect_refused("fit cut.h5ad --environment-column env --observational obs --out fit",
                 {"cut.h5ad"});
}

TEST_F(BadInput, FewerSamplesThanLatents) {
  expect_csv_refused(small_csv() + "kc,1,2\n",
                     {"'kc' (1 sample)", "--preprocess minimum-samples=3"}, "--latents 2");
}

TEST_F(BadInput, ConstantAndDuplicatedColumns) {
  expect_csv_refused("env,a,b\nobs,1,5\nobs,2,5\nobs,4,5\nka,1,5\nka,3,5\nka,9,5\n", {"'b'"});
  expect_csv_refused("env,a,b\nobs,1,1\nobs,2,2\nobs,4,4\nka,1,1\nka,3,3\nka,9,9\n",
                     {"equal columns: 'b' = 'a'", "--preprocess drop-duplicates"});
}

TEST_F(BadInput, MoreLatentsThanFeatures) {
  expect_csv_refused(small_csv(), {"3", "2"}, "--latents 3");
}

TEST_F(BadInput, OneEnvironmentOnly) {
  expect_csv_refused("env,a,b\nobs,1,5\nobs,2,3\nobs,4,5\n", {"environment"});
}

TEST_F(BadInput, LabelsThatMatchNothing) {
  write_text_file(folder_ / "data.csv", small_csv());
  expect_refused("fit data.csv --environment-column env --observational osb --out fit",
                 {"osb", "obs"});
  expect_refused(
      "fit data.csv --environment-column env --observational obs --environments kk --out fit",
      {"kk", "ka"});
}

TEST_F(BadInput, UsageErrorsSuggestWhatExists) {
  expect_refused("fti study --out fit", {"'fti'", "did you mean 'fit'?"});
  expect_refused("simulate --latent 5 --out study", {"--latent", "'--latents'"});
  expect_refused("simulate --scm linaer --out study", {"'linear'"});
  expect_refused("simulate", {"--out"});
  expect_refused("fit study --out fit --bootstrap many", {"--bootstrap"});
  expect_refused("fit study extra --out fit", {"'extra'"});
  expect_refused("", {"lodestein"});
}

TEST_F(BadInput, NumbersOutOfRangeAreNamedInAFewDigits) {
  expect_refused("fit study --out fit --latents -1",
                 {"--latents: '-1' is not a whole number from 0 to 10000"});
  expect_refused("fit study --out fit --seed -3", {"--seed: '-3' is not a whole number from 0"});
  expect_refused("fit study --out fit --seed 18446744073709551616", {"to 18446744073709551615"});
  expect_refused("fit study --out fit --bootstrap 99999999999999999999", {"from 0 to 100000"});
  expect_refused("fit study --out fit --threads 1.5", {"'1.5' is not a whole number"});
  expect_refused("simulate --out study --latents 0", {"'0' is not a whole number from 1"});
  expect_refused("simulate --out study --density 1.5", {"'1.5' is not a number from 0 to 1"});
  expect_refused("simulate --out study --density nan", {"'nan' is not a number from 0 to 1"});
  expect_refused("simulate --out study --weak-edge-filter -1", {"'-1' is not a number from 0 up"});
  expect_refused("fit study --out fit --edge-threshold 0", {"'0' is not a number above 0"});
  expect_refused("fit study --out fit --lcd-rank-one 1", {"'1' is not a number between 0 and 1"});
}

TEST_F(BadInput, AStudyBeyondMemoryIsRefusedBeforeTheWork) {
  expect_refused("simulate --out study --samples 100000000", {"505 GB", "--samples"});
  expect_refused("simulate --out study --observed 10000000 --samples 1000", {"GB", "--observed"});
}

TEST_F(BadInput, WhatAFileHoldsCannotSteerTheTerminal) {
  write_text_file(folder_ / "header.csv", "e\x1b[31mv,caf\xc3\xa9,\xff\nobs,1,2\n");
  expect_refused("fit header.csv --out fit", {"'e\\x1b[31mv'", "'caf\xc3\xa9'", "'\\xff'"});
  expect_csv_refused("env,a\nobs,1\nka,\x1b[2J\xc2\x9b\n",
                     {"'\\x1b[2J\\xc2\\x9b' is not a number"});
  expect_csv_refused(std::string("\x7f"
                                 "ELF\0\0",
                                 6),
                     {"data.csv", "zero bytes"});
}

TEST_F(BadInput, OptionsWithoutEffectAreRefused) {
  write_text_file(folder_ / "data.csv", small_csv());
  expect_refused("fit data.csv --edge-threshold 0.1 --out fit",
                 {"--edge-threshold needs --method lscale"});
  expect_refused("fit data.csv --parity --out fit", {"--parity needs a published method"});
  expect_refused("fit data.csv --method lcd --parity --shrinkage oas --out fit",
                 {"--parity means --shrinkage none"});
  expect_refused("fit data.csv --method lcd --parity --subspace differences --out fit",
                 {"--parity means --subspace variance"});
  expect_refused("fit data.csv --method lcd --edge-threshold 0.1 --out fit",
                 {"--edge-threshold needs --method lscale"});
  expect_refused("fit data.csv --method lscale --lcd-rank-one 0.9 --out fit",
                 {"--lcd-rank-one needs --method lcd"});
  expect_refused("fit data.csv --lcd-edge-threshold 0.1 --out fit",
                 {"--lcd-edge-threshold needs --method lcd"});
  expect_refused("fit data.csv --method lscale --finite-eigenvalue-threshold 1 --out fit",
                 {"--finite-eigenvalue-threshold needs --method finite-sample"});
  expect_refused("fit data.csv --finite-orthogonality-threshold 0.2 --out fit",
                 {"--finite-orthogonality-threshold needs --method finite-sample"});
  expect_refused("fit data.csv --method finite-sample --intervention soft --out fit",
                 {"--intervention", "alike"});
  expect_refused("fit data.csv --method lscale --mechanism additive --out fit",
                 {"--mechanism needs --method likelihood"});
  expect_refused("fit data.csv --differences classifier --out fit",
                 {"--differences needs --method lscale or finite-sample"});
  expect_refused("fit data.csv --method lscale --differences clasifier --out fit",
                 {"did you mean 'classifier'?"});
  expect_refused("simulate --second-variance-scale 2 --out study", {"--design pairs"});
  expect_refused("simulate --student-degrees 5 --out study", {"--noise student"});
  expect_refused("simulate --soft-factor 0.3 --out study", {"--intervention soft"});
  expect_refused("simulate --unhit 1 --design multi --out study", {"unhit = 1", "multi"});
  expect_refused("simulate --latents 3 --unhit 3 --out study", {"less than latents = 3"});
  expect_refused("simulate --noise student --student-degrees 2 --out study",
                 {"student_degrees = 2", "greater than 2"});
  expect_refused("simulate --noise uniform --weak-edge-filter 0.1 --out study",
                 {"weak_edge_filter", "uniform"});
  expect_refused("simulate --intervened-share 0 --out study", {"intervened_share = 0"});
  expect_refused("simulate --intervened-share 2 --out study", {"'2' is not a number from 0 to 1"});
  expect_refused("simulate --noise cauchy --out study", {"'cauchy'"});
  expect_refused("evaluate fit --truth study --features a", {"--data"});
  expect_refused("fit data.csv --environment-column env --layer counts --out fit", {"layer"});
}

TEST_F(BadInput, UnknownPreprocessingStep) {
  write_text_file(folder_ / "data.csv", small_csv());
  expect_refused("fit data.csv --environment-column env --preprocess lgo1p --out fit",
                 {"lgo1p", "log1p"});
}

TEST_F(BadInput, AFolderThatIsNoResultIsNotReplaced) {
  ASSERT_EQ(lodestein("simulate --latents 2 --observed 3 --samples 500 --out study").code, 0);
  std::filesystem::create_directories(folder_ / "thesis");
  write_text_file(folder_ / "thesis" / "chapter.txt", "years of work");
  expect_refused("fit study --out thesis", {"thesis", "is there already"});
  expect_refused("simulate --out thesis", {"thesis", "is there already"});
  expect_refused("fit study --out study", {"study", "is no fit"});
  expect_refused("convert study thesis", {"thesis"});
  expect_refused("convert study study", {"same"});
  EXPECT_EQ(read_text(folder_ / "thesis" / "chapter.txt"), "years of work");
}

TEST_F(BadInput, NothingToEvaluateOrReport) {
  expect_refused("evaluate nowhere --truth study", {"nowhere/result.json"});
  expect_refused("report nowhere --html r.html", {"nowhere/result.json"});
}

TEST_F(BadInput, ABackendThatIsNotThereIsADeviceFailure) {
  const std::string devices = lodestein("devices --json").out;
  for (const auto& device : nlohmann::json::parse(devices).at("devices"))
    if (device.at("backend") == "cuda" && device.at("available") == true)
      GTEST_SKIP() << "there is a CUDA device here";
  ASSERT_EQ(lodestein("simulate --latents 2 --observed 3 --samples 500 --out study").code, 0);
  const Outcome run = lodestein("fit study --out fit --backend cuda");
  EXPECT_EQ(run.code, 3) << run.err;
  EXPECT_THAT(entries(), ElementsAre("study"));
  expect_refused("fit study --out fit --backend abacus", {"abacus"});
}

/// Environments of arbitrary numbers that all have the same law; c = a + 2 b if asked for.
std::string csv_without_effects(bool dependent_column) {
  std::string csv = dependent_column ? "env,a,b,c\n" : "env,a,b\n";
  unsigned state = 1;
  const auto draw = [&] {
    state = state * 1664525u + 1013904223u;
    return static_cast<int>(state >> 20) - 2048;
  };
  for (const char* environment : {"obs", "ka", "kb", "kc"})
    for (int i = 0; i < 500; ++i) {
      const int a = draw(), b = draw();
      csv += std::string(environment) + "," + std::to_string(a) + "," + std::to_string(b);
      csv += dependent_column ? "," + std::to_string(a + 2 * b) + "\n" : "\n";
    }
  return csv;
}

TEST_F(BadInput, MoreLatentsThanRank) {
  expect_csv_refused(csv_without_effects(true), {"rank 2"}, "--latents 3");
}

/// Nothing is wrong with the input, but it holds no signal.
TEST_F(BadInput, NoEffectIsAStatisticalFailureWithADiagnosis) {
  write_text_file(folder_ / "data.csv", csv_without_effects(false));
  const Outcome run = lodestein(
      "fit data.csv --environment-column env --observational obs --latents 2 --out fit --report "
      "fit.html");
  EXPECT_EQ(run.code, 2) << run.err;
  const std::size_t failure = run.out.find("failure: "), graph = run.out.find("Graph: 2 latents");
  ASSERT_NE(graph, std::string::npos) << run.out;
  EXPECT_LT(failure, run.out.find("Not to be trusted:"));
  EXPECT_LT(run.out.find("Not to be trusted:"), graph);
  const auto json = nlohmann::json::parse(read_text(folder_ / "fit" / "result.json"));
  EXPECT_EQ(json.at("diagnosis").at("failed"), true);
  EXPECT_THAT(read_text(folder_ / "fit.html"), HasSubstr("class=\"finding failure\""));
  EXPECT_EQ(lodestein("report fit --html again.html").code, 0);
  EXPECT_EQ(lodestein("evaluate fit --truth study").code, 2) << "a failure has nothing to evaluate";
}

}  // namespace
}  // namespace lodestein::testing
