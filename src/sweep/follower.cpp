#include <unistd.h>

#include <array>
#include <memory>
#include <thread>

#include "lodestein/core/error.hpp"
#include "lodestein/core/version.hpp"
#include "sweep/host.hpp"
#include "sweep/packet.hpp"
#include "sweep/ranks.hpp"
#include "sweep/workers.hpp"

namespace lodestein::sweep {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds look_round{2};
constexpr std::chrono::seconds still_alive{1};

class Follower {
 public:
  Follower(Ranks& ranks, const std::function<Backend(const std::string&)>& backend,
           Observer& observer, Silence silence)
      : ranks_(ranks), backend_(backend), observer_(observer), silence_(silence) {}

  Dismissal run() {
    tell(Packet::hello, to_text(Hello{version, host_name()}));
    while (!dismissal_) {
      try {
        work();
      } catch (const Cancelled&) {
        throw;
      } catch (const Gone&) {
        throw;
      } catch (...) {
        workers_.reset();
        failed_ = true;
        tell(Packet::failed, failure_text(std::current_exception()));
      }
    }
    return *dismissal_;
  }

 private:
  /// Rank 0 can't be told.
  class Gone : public IoError {
   public:
    using IoError::IoError;
  };

  void work() {
    if (workers_) {
      const auto rows = workers_->wait(look_round);
      if (!rows.empty()) tell(Packet::rows, encode_rows({rows.begin(), rows.end()}));
      workers_->raise();
    } else {
      std::this_thread::sleep_for(look_round);
    }
    const auto now = Clock::now();
    if (now - listened_ > still_alive) heard_ = now;  // all of them may have been suspended
    listened_ = now;
    while (const auto message = ranks_.receive()) {
      heard_ = now;
      handle(static_cast<Packet>(message->bytes.front()), message->bytes.substr(1));
    }
    if (now - said_ > still_alive) tell(Packet::alive);
    if (now - heard_ > silence_.leader)
      throw Gone("rank 0 is gone; run the same command again to go on");
    if (observer_.cancelled()) {
      tell(Packet::leaving);
      throw Cancelled("stopped");
    }
  }

  void handle(Packet kind, const std::string& text) {
    if (kind == Packet::finished) {
      dismissal_ = Dismissal::finished;
    } else if (kind == Packet::stop) {
      dismissal_ = Dismissal::stopped;
    } else if (failed_) {
      return;  // and wait to be dismissed
    } else if (kind == Packet::study) {
      study_ = std::make_unique<SentStudy>(study_of(text));
      workers_ = std::make_unique<Workers>(backend_(study_->backend), study_->plan,
                                           study_->plan.batches());
      tell(Packet::ready, std::to_string(workers_->threads()));
    } else if (kind == Packet::tasks) {
      workers_->add(tasks_of(text));
    }
  }

  void tell(Packet kind, const std::string& text = "") {
    ranks_.send(0, packed(kind, text));
    said_ = Clock::now();
  }

  Ranks& ranks_;
  const std::function<Backend(const std::string&)>& backend_;
  Observer& observer_;
  Silence silence_;
  Clock::time_point heard_ = Clock::now(), listened_ = heard_, said_;
  bool failed_ = false;
  std::optional<Dismissal> dismissal_;
  std::unique_ptr<SentStudy> study_;
  std::unique_ptr<Workers> workers_;  // lets go of the plan first
};

}  // namespace

Dismissal follow(Ranks& ranks, const std::function<Backend(const std::string& name)>& backend,
                 Observer& observer, Silence silence) {
  return Follower(ranks, backend, observer, silence).run();
}

}  // namespace lodestein::sweep
