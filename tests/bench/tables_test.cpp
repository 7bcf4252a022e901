#include "bench/tables.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace lodestein::bench {
namespace {

Result measured() {
  return {"job/linear/d:15/n:100/backend:cpu/threads:2",
          "samples",
          {90, 100, 120},
          {{"seconds", 0.5}, {"fraction", 0.25}, {"1-MCC", 0.002}, {"SHD", 1}},
          ""};
}

TEST(Results, ANameFallsApartIntoAxes) {
  const auto axes = measured().axes();
  EXPECT_EQ(axes.at(""), "job/linear");
  EXPECT_EQ(axes.at("d"), "15");
  EXPECT_EQ(axes.at("backend"), "cpu");
  EXPECT_EQ(axes.at("threads"), "2");
}

TEST(Results, SpreadIsThatOfTheRepetitions) {
  EXPECT_DOUBLE_EQ(measured().rate(), 100.0);
  Result two{"a", "samples", {1.0, std::exp(0.1)}, {}, ""};
  EXPECT_NEAR(two.spread(), 0.1 / std::sqrt(2.0), 1e-12);
  two.rates.pop_back();
  EXPECT_TRUE(std::isnan(two.spread()));
}

TEST(Tables, CsvHasAColumnForEveryAxisAndQuality) {
  const Result failed{
      "solve/order:3/backend:cpu/threads:1", "problems", {}, {}, "wrong, \"badly\""};
  const std::string csv = result_csv({measured(), failed});
  EXPECT_EQ(csv.substr(0, csv.find('\n')),
            "benchmark,backend,threads,d,n,order,unit,rate,spread,seconds,limit,fraction,error,"
            "memory_mib,1-MCC,SHD,repetitions,failure");
  EXPECT_NE(csv.find("\njob/linear,cpu,2,15,100,,samples,100,"), std::string::npos) << csv;
  EXPECT_NE(csv.find("\nsolve,cpu,1,,,3,problems,,,,,,,,,,0,\"wrong, \"\"badly\"\"\"\n"),
            std::string::npos)
      << csv;
}

TEST(Tables, MarkdownShowsQualityBesideSpeed) {
  const std::string table = result_table({measured()});
  EXPECT_NE(table.find("| 100 samples/s |"), std::string::npos) << table;
  EXPECT_NE(table.find("| 1-MCC 0.002, SHD 1 | 0.5 |"), std::string::npos) << table;
}

TEST(Tables, QuantitiesHaveThreeDigitsAndAPrefix) {
  EXPECT_EQ(quantity(12.345), "12.3 ");
  EXPECT_EQ(quantity(1234.0), "1.23 k");
  EXPECT_EQ(quantity(5.6e9), "5.6 G");
}

}  // namespace
}  // namespace lodestein::bench
