#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "lodestein/core/error.hpp"
#include "lodestein/core/version.hpp"
#include "sweep/packet.hpp"
#include "sweep/ranks.hpp"
#include "sweep_support.hpp"

namespace lodestein {
namespace {

using sweep::Dismissal;
using sweep::packed;
using sweep::Packet;
using sweep::Ranks;
using ::testing::HasSubstr;
using testing::same_result;

/// Queues between threads, in place of MPI between processes.
class Exchange {
 public:
  explicit Exchange(int size) : inboxes_(static_cast<std::size_t>(size)) {}

  void send(int to, Ranks::Message message) {
    const std::lock_guard lock(mutex_);
    sent_to_0_ += to == 0;
    inboxes_[static_cast<std::size_t>(to)].push_back(std::move(message));
  }
  std::optional<Ranks::Message> receive(int rank) {
    const std::lock_guard lock(mutex_);
    auto& inbox = inboxes_[static_cast<std::size_t>(rank)];
    if (inbox.empty()) return std::nullopt;
    Ranks::Message message = std::move(inbox.front());
    inbox.pop_front();
    return message;
  }
  int size() const { return static_cast<int>(inboxes_.size()); }
  std::size_t sent_to_0() {
    const std::lock_guard lock(mutex_);
    return sent_to_0_;
  }

 private:
  std::mutex mutex_;
  std::size_t sent_to_0_ = 0;
  std::vector<std::deque<Ranks::Message>> inboxes_;
};

class ThreadRanks final : public Ranks {
 public:
  ThreadRanks(Exchange& exchange, int rank) : exchange_(exchange), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return exchange_.size(); }
  void send(int to, std::string bytes) override { exchange_.send(to, {rank_, std::move(bytes)}); }
  std::optional<Message> receive() override { return exchange_.receive(rank_); }

  /// For workers that a test plays itself: the next such message; nothing at the end.
  std::string next(Packet kind) {
    while (!ended_) {
      if (const auto message = receive()) {
        const auto got = static_cast<Packet>(message->bytes.front());
        if (got == kind) return message->bytes.substr(1);
        ended_ = got == Packet::stop || got == Packet::finished;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return "";
  }
  std::vector<SweepTask> next_tasks() {
    const std::string text = next(Packet::tasks);
    return text.empty() ? std::vector<SweepTask>{} : sweep::tasks_of(text);
  }
  /// Becomes a worker of one thread, and takes its first tasks.
  std::vector<SweepTask> join() {
    send(0, packed(Packet::hello, sweep::to_text({version, "test"})));
    next(Packet::study);
    send(0, packed(Packet::ready, "1"));
    return next_tasks();
  }

 private:
  Exchange& exchange_;
  int rank_;
  bool ended_ = false;
};

Backend one_thread(const std::string& name) { return Backend::named(name, 1); }

class Warned final : public Observer {
 public:
  void log(Level, std::string_view message) override { text += std::string(message) + "\n"; }
  bool cancelled() const override { return stop; }
  std::string text;
  std::atomic<bool> stop{false};
};

/// A sweep of threads that think that they are processes.
class SweepRanks : public testing::SweepTest {
 protected:
  using Role = std::function<void(ThreadRanks&)>;

  /// Starts a rank that isn't 0.
  void start(int rank, Role role) {
    others_.emplace_back([this, rank, role = std::move(role)] {
      ThreadRanks ranks(exchange_, rank);
      role(ranks);
    });
  }
  void start_worker(int rank) {
    start(rank, [this](ThreadRanks& ranks) {
      if (follow(ranks, one_thread, silent()) == Dismissal::finished) ++finished_;
    });
  }
  void join() {
    for (std::thread& other : others_) other.join();
    others_.clear();
  }
  /// Leads, and waits for all. Rows of cells that come more than once are counted.
  void lead_all(sweep::Silence silence = {}) {
    ThreadRanks ranks(exchange_, 0);
    try {
      lead(
          ranks, Backend::cpu(1), plan_, tasks_,
          [this](const SweepRow& row) {
            rows_.at(row.cell) = row;
            ++seen_.at(row.cell);
          },
          [&, tick = std::size_t{0}](bool) mutable {
            // Rank 0 doesn't do all by itself before the others have said hello and are ready.
            if (++tick <= 2) wait_for_messages(tick * others_.size());
          },
          observer_, silence);
    } catch (...) {
      join();
      throw;
    }
    join();
  }
  void wait_for_messages(std::size_t count) {
    for (int i = 0; i < 5000 && exchange_.sent_to_0() < count; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::string failure_of_lead() {
    try {
      lead_all();
    } catch (const InvalidArgument& error) {
      return error.what();
    }
    return "";
  }
  void expect_table_of_one_run() {
    const auto alone = testing::run_all(plan_, tasks_, 1);
    for (std::size_t c = 0; c < rows_.size(); ++c) {
      EXPECT_EQ(seen_[c], 1) << c;
      EXPECT_TRUE(same_result(rows_[c], alone[c])) << c;
    }
  }

  Exchange exchange_{3};
  SweepPlan plan_ = parse_sweep_plan(testing::small_study, "study.toml");
  std::vector<SweepTask> tasks_ = sweep_tasks(plan_, {});
  std::vector<SweepRow> rows_{plan_.cells.size()};
  std::vector<int> seen_ = std::vector<int>(plan_.cells.size(), 0);
  Warned observer_;
  std::atomic<int> finished_{0};
  std::vector<std::thread> others_;
};

TEST_F(SweepRanks, GiveTheTableOfOneProcess) {
  start_worker(1);
  start_worker(2);
  lead_all();
  EXPECT_EQ(finished_, 2);
  expect_table_of_one_run();
  EXPECT_EQ(observer_.text, "");
}

TEST_F(SweepRanks, ShareTheWork) {
  plan_ = parse_sweep_plan(
      "models = 400\ndata = \"moments\"\nsamples = 1000\nobserved = 10\nmethod = \"lscale\"\n",
      "study.toml");
  tasks_ = sweep_tasks(plan_, {});
  rows_.resize(plan_.cells.size());
  seen_.resize(plan_.cells.size());
  std::atomic<std::size_t> computed{0};
  start(1, [&](ThreadRanks& ranks) {
    for (auto tasks = ranks.join(); !tasks.empty(); tasks = ranks.next_tasks()) {
      for (const SweepTask& task : tasks) {
        ranks.send(0,
                   packed(Packet::rows, encode_rows(run_sweep_task(Backend::cpu(1), plan_, task))));
        ++computed;
      }
    }
  });
  lead_all();
  EXPECT_GE(computed, 10u) << "of 400, a quarter of them at once to two ranks";
  EXPECT_LT(computed, 400u);
  expect_table_of_one_run();
}

TEST_F(SweepRanks, AWorkerThatVanishesLosesNoCell) {
  std::set<std::size_t> taken;
  start(1, [&](ThreadRanks& ranks) {
    for (const SweepTask& task : ranks.join()) taken.insert(task.cells.begin(), task.cells.end());
  });  // and is never heard of again
  lead_all({std::chrono::milliseconds(200), std::chrono::seconds(60)});
  EXPECT_FALSE(taken.empty());
  expect_table_of_one_run();
  EXPECT_THAT(observer_.text, HasSubstr("rank 1 on test is silent; its "));
  EXPECT_THAT(observer_.text, HasSubstr("tasks are dealt out again"));
}

TEST_F(SweepRanks, RowsThatComeTwiceCountOnce) {
  start(1, [&](ThreadRanks& ranks) {
    const auto tasks = ranks.join();
    // Silent until its tasks have been dealt out again, then it answers after all.
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    for (const SweepTask& task : tasks) {
      const std::string rows = encode_rows(run_sweep_task(Backend::cpu(1), plan_, task));
      ranks.send(0, packed(Packet::rows, rows));
      ranks.send(0, packed(Packet::rows, rows));
    }
  });
  start(2, [](ThreadRanks& ranks) {  // keeps the sweep open until then
    ranks.join();
    for (int i = 0; i < 70; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      ranks.send(0, packed(Packet::alive));
    }
    ranks.send(0, packed(Packet::leaving));
  });
  lead_all({std::chrono::milliseconds(200), std::chrono::seconds(60)});
  expect_table_of_one_run();
  EXPECT_THAT(observer_.text, HasSubstr("rank 1 on test is silent"));
  EXPECT_THAT(observer_.text, HasSubstr("rank 2 on test was stopped"));
}

TEST_F(SweepRanks, AWorkerMayComeWhenAllIsDone) {
  lead_all();
  start_worker(1);
  start_worker(2);
  join();
  EXPECT_EQ(finished_, 2);
  expect_table_of_one_run();
}

TEST_F(SweepRanks, AnotherVersionIsRefused) {
  start(1, [](ThreadRanks& ranks) {
    ranks.send(0, packed(Packet::hello, sweep::to_text({"9.9.9", "attic"})));
    ranks.next(Packet::stop);
  });
  start(2, [](ThreadRanks& ranks) {  // keeps the sweep open
    ranks.join();
    ranks.next(Packet::stop);
  });
  EXPECT_THAT(failure_of_lead(), HasSubstr("rank 1 on attic runs lodestein 9.9.9, rank 0 "));
}

TEST_F(SweepRanks, WhatGoesWrongElsewhereIsToldByRank0) {
  start(1, [](ThreadRanks& ranks) {
    const auto backend = [](const std::string&) -> Backend { throw DeviceError("no such GPU"); };
    EXPECT_EQ(follow(ranks, backend, silent()), Dismissal::stopped);
  });
  start(2, [](ThreadRanks& ranks) {
    ranks.join();
    ranks.next(Packet::stop);
  });
  try {
    lead_all();
    FAIL() << "nothing is thrown";
  } catch (const DeviceError& error) {
    EXPECT_THAT(error.what(), HasSubstr("rank 1 on "));
    EXPECT_THAT(error.what(), HasSubstr("no such GPU"));
  }
}

TEST_F(SweepRanks, AnotherPlanOfTheSameStudyIsAnError) {
  const std::string text = sweep::study_text(plan_, "cpu");
  EXPECT_EQ(sweep::study_of(text).plan.cells.size(), plan_.cells.size());
  EXPECT_EQ(sweep::study_of(text).plan.name, plan_.name);
  SweepPlan other = plan_;
  other.cells.pop_back();
  try {
    sweep::study_of(sweep::study_text(other, "cpu"));
    FAIL() << "nothing is thrown";
  } catch (const InvalidArgument& error) {
    EXPECT_THAT(error.what(), HasSubstr("install one build of lodestein on every machine"));
  }
}

TEST_F(SweepRanks, AnAnswerThatNobodyAskedForIsAnError) {
  start(1, [](ThreadRanks& ranks) {
    ranks.join();
    SweepRow row;
    row.cell = 1000;
    ranks.send(0, packed(Packet::rows, encode_rows({row})));
    ranks.next(Packet::stop);
  });
  start(2, [](ThreadRanks& ranks) {
    ranks.join();
    ranks.next(Packet::stop);
  });
  EXPECT_THAT(failure_of_lead(), HasSubstr("rank 1 answers for cell 1000"));
}

TEST_F(SweepRanks, AFullDiskStopsAllOfThem) {
  start(1, [](ThreadRanks& ranks) {
    EXPECT_EQ(follow(ranks, one_thread, silent()), Dismissal::stopped);
  });
  start(2, [](ThreadRanks& ranks) {
    EXPECT_EQ(follow(ranks, one_thread, silent()), Dismissal::stopped);
  });
  ThreadRanks ranks(exchange_, 0);
  EXPECT_THROW(lead(
                   ranks, Backend::cpu(1), plan_, tasks_, [](const SweepRow&) {},
                   [](bool last) {
                     if (last) throw IoError("disk full");
                   },
                   observer_),
               IoError);
  join();
}

TEST_F(SweepRanks, StopTogether) {
  plan_ = parse_sweep_plan(
      "models = 10000\nmethod = \"likelihood\"\nobserved = 10\nsamples = 1000\n", "study.toml");
  tasks_ = sweep_tasks(plan_, {});
  rows_.resize(plan_.cells.size());
  seen_.resize(plan_.cells.size());
  start(1, [](ThreadRanks& ranks) {
    EXPECT_EQ(follow(ranks, one_thread, silent()), Dismissal::stopped);
  });
  start(2, [this](ThreadRanks& ranks) {
    ranks.join();
    observer_.stop = true;
    ranks.next(Packet::stop);
  });
  EXPECT_THROW(lead_all(), Cancelled);
}

TEST_F(SweepRanks, AStoppedWorkerTellsRank0) {
  ThreadRanks zero(exchange_, 0), one(exchange_, 1);
  Warned stopped;
  stopped.stop = true;
  EXPECT_THROW(follow(one, one_thread, stopped), Cancelled);
  EXPECT_EQ(static_cast<Packet>(zero.receive()->bytes.front()), Packet::hello);
  std::string last;
  while (const auto message = zero.receive()) last = message->bytes;
  EXPECT_EQ(last, packed(Packet::leaving));
}

TEST_F(SweepRanks, AWorkerWithoutRank0EndsWithAnError) {
  ThreadRanks one(exchange_, 1);
  const sweep::Silence silence{std::chrono::seconds(60), std::chrono::milliseconds(100)};
  EXPECT_THROW(follow(one, one_thread, silent(), silence), IoError);
}

TEST_F(SweepRanks, WriteOneStore) {
  start_worker(1);
  start_worker(2);
  SweepStore store(store_file(), plan_, "cpu");
  ThreadRanks ranks(exchange_, 0);
  const SweepSummary summary = lead_into_store(ranks, Backend::cpu(1), plan_, store, {}, observer_);
  join();
  EXPECT_EQ(summary.cells, plan_.cells.size());
  EXPECT_EQ(store.info().done, plan_.cells.size());
  EXPECT_EQ(finished_, 2);
}

}  // namespace
}  // namespace lodestein
