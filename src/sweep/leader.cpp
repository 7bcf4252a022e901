#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <set>
#include <unordered_map>
#include <utility>

#include "lodestein/core/error.hpp"
#include "lodestein/core/version.hpp"
#include "sweep/packet.hpp"
#include "sweep/ranks.hpp"
#include "sweep/workers.hpp"

namespace lodestein::sweep {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds look_up{20};    // how often a caller's observer is asked
constexpr std::chrono::milliseconds look_round{2};  // how often other ranks are listened to
constexpr std::chrono::seconds still_alive{1};
constexpr std::size_t most_ahead = 256;  // tasks a thread, so that a short one waits for no message

/// A rank as rank 0 sees it.
struct Peer {
  std::size_t threads = 0;  ///< 0 until it is ready
  bool present = false;
  std::set<std::size_t> tasks;  ///< that it has and hasn't answered
  Clock::time_point heard;
  std::string name;
};

class Leader {
 public:
  Leader(Ranks& ranks, const Backend& backend, const SweepPlan& plan,
         const std::vector<SweepTask>& tasks, const SweepCallback& done, Observer& observer,
         Silence silence)
      : ranks_(ranks),
        backend_(backend),
        plan_(plan),
        tasks_(tasks),
        done_(done),
        observer_(observer),
        silence_(silence),
        peers_(static_cast<std::size_t>(ranks.size())),
        finished_(tasks.size(), false),
        owner_(tasks.size(), 0),
        left_(tasks.size()),
        local_(backend, plan, tasks.size()) {
    for (std::size_t t = 0; t < tasks.size(); ++t) {
      task_of_batch_[tasks[t].batch] = t;
      cells_left_ += tasks[t].cells.size();
      pending_.push_back(t);
    }
    cells_ = cells_left_;
    peers_.front().threads = local_.threads();
    peers_.front().present = true;
  }

  void run(const Tick& tick) {
    const bool alone = ranks_.size() == 1;
    while (left_ > 0 && !local_.finished()) {
      deal();
      const auto rows = local_.wait(alone ? look_up : look_round);
      accept({rows.begin(), rows.end()}, 0);
      listen();
      tick(false);
      if (observer_.cancelled()) local_.stop();
    }
    local_.raise();
    if (left_ > 0) check_cancelled(observer_);
    tick(true);
  }

 private:
  Peer& peer(int rank) { return peers_[static_cast<std::size_t>(rank)]; }

  /// Tasks that a rank should have: the more are left the more, so that none waits for a message
  /// and all end together.
  std::size_t share(const Peer& to) const {
    if (ranks_.size() == 1) return tasks_.size();
    std::size_t threads = 0;
    for (const Peer& one : peers_) threads += one.present ? one.threads : 0;
    return to.threads * std::clamp<std::size_t>(pending_.size() / (4 * threads), 1, most_ahead);
  }

  void deal() {
    for (int r = 0; r < ranks_.size() && !pending_.empty(); ++r) {
      if (peer(r).present && peer(r).threads > 0) deal_to(r);
    }
  }

  void deal_to(int rank) {
    Peer& to = peer(rank);
    const std::size_t wanted = share(to);
    // Half a share at once saves messages, if no thread has to wait for it.
    if (to.tasks.size() >= to.threads && to.tasks.size() > wanted / 2) return;
    std::vector<SweepTask> dealt;
    while (to.tasks.size() < wanted && !pending_.empty()) {
      const std::size_t t = pending_.front();
      pending_.pop_front();
      if (finished_[t]) continue;  // a rank thought lost has answered
      to.tasks.insert(t);
      owner_[t] = rank;
      dealt.push_back(tasks_[t]);
    }
    if (dealt.empty()) return;
    if (rank == 0)
      local_.add(dealt);
    else
      ranks_.send(rank, packed(Packet::tasks, tasks_text(dealt)));
  }

  /// Hands over the rows of tasks that nobody has answered yet.
  void accept(const std::vector<SweepRow>& rows, int from) {
    std::set<std::size_t> answered;
    std::size_t fresh = 0;
    for (const SweepRow& row : rows) {
      const std::size_t t = task_of(row, from);
      if (finished_[t]) continue;
      done_(row);
      ++fresh;
      answered.insert(t);
    }
    for (const std::size_t t : answered) {
      finished_[t] = true;
      peer(owner_[t]).tasks.erase(t);
    }
    left_ -= answered.size();
    cells_left_ -= fresh;
    if (fresh > 0) observer_.progress("cells", cells_ - cells_left_, cells_);
  }

  std::size_t task_of(const SweepRow& row, int from) const {
    if (row.cell < plan_.cells.size()) {
      const auto task = task_of_batch_.find(plan_.cells[row.cell].batch);
      if (task != task_of_batch_.end()) return task->second;
    }
    throw InvalidArgument("rank " + std::to_string(from) + " answers for cell " +
                          std::to_string(row.cell) + ", which nobody asked for");
  }

  void listen() {
    const auto now = Clock::now();
    if (now - listened_ > still_alive) {  // all of them may have been suspended
      for (Peer& one : peers_) one.heard = now;
    }
    listened_ = now;
    while (const auto message = ranks_.receive()) {
      peer(message->from).heard = now;
      handle(message->from, message->bytes);
    }
    for (int r = 1; r < ranks_.size(); ++r) {
      if (peer(r).present && now - peer(r).heard > silence_.worker) lose(r, "is silent");
    }
    if (now - said_ < still_alive) return;
    said_ = now;
    for (int r = 1; r < ranks_.size(); ++r) {
      if (peer(r).threads > 0) ranks_.send(r, packed(Packet::alive));
    }
  }

  void handle(int from, const std::string& bytes) {
    Peer& sender = peer(from);
    const std::string text = bytes.substr(1);
    const auto kind = static_cast<Packet>(bytes.front());
    if (kind == Packet::hello) {
      welcome(from, hello_of(text));
    } else if (kind == Packet::ready) {
      sender.threads = std::stoul(text);
      sender.present = true;
    } else if (kind == Packet::rows) {
      accept(decode_rows(text), from);
    } else if (kind == Packet::failed) {
      throw_failure(text, sender.name);
    } else if (kind == Packet::leaving) {
      lose(from, "was stopped");
      sender.threads = 0;
      return;
    }
    sender.present = sender.threads > 0;  // also if it was thought lost
  }

  void welcome(int from, const Hello& hello) {
    peer(from).name = "rank " + std::to_string(from) + " on " + hello.host;
    if (hello.version != version) {
      throw InvalidArgument(peer(from).name + " runs lodestein " + hello.version + ", rank 0 " +
                            version + "; install one version on every machine");
    }
    ranks_.send(from, packed(Packet::study, study_text(plan_, backend_.name())));
  }

  void lose(int rank, const std::string& why) {
    Peer& lost = peer(rank);
    lost.present = false;
    pending_.insert(pending_.begin(), lost.tasks.begin(), lost.tasks.end());
    const std::string tasks = std::to_string(lost.tasks.size());
    lost.tasks.clear();
    if (observer_.cancelled()) return;  // all of them are
    observer_.log(Observer::Level::warning,
                  lost.name + " " + why + "; its " + tasks + " tasks are dealt out again");
  }

  Ranks& ranks_;
  const Backend& backend_;
  const SweepPlan& plan_;
  const std::vector<SweepTask>& tasks_;
  const SweepCallback& done_;
  Observer& observer_;
  Silence silence_;
  std::vector<Peer> peers_;  ///< 0 is this process
  std::unordered_map<std::size_t, std::size_t> task_of_batch_;
  std::deque<std::size_t> pending_;
  std::vector<bool> finished_;
  std::vector<int> owner_;  ///< rank that a task was dealt to last
  std::size_t left_, cells_ = 0, cells_left_ = 0;
  Clock::time_point said_, listened_;
  Workers local_;
};

void dismiss(Ranks& ranks, Packet how) {
  for (int r = 1; r < ranks.size(); ++r) ranks.send(r, packed(how));
}

}  // namespace

void call_off(Ranks& ranks) { dismiss(ranks, Packet::stop); }

void lead(Ranks& ranks, const Backend& backend, const SweepPlan& plan,
          const std::vector<SweepTask>& tasks, const SweepCallback& done, const Tick& tick,
          Observer& observer, Silence silence) {
  Leader leader(ranks, backend, plan, tasks, done, observer, silence);
  try {
    leader.run(tick);
  } catch (...) {
    call_off(ranks);
    throw;
  }
  dismiss(ranks, Packet::finished);
}

}  // namespace lodestein::sweep
