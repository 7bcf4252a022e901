// The module liblodestein-mpi.so: ranks that MPI connects. The tool loads it where mpirun started
// it, so that it needs no MPI library elsewhere (docs/design/0007-mpi-as-a-module.md).
#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <list>
#include <set>
#include <thread>
#include <vector>

#include "sweep/ranks_module.hpp"

namespace lodestein::sweep {
namespace {

constexpr int tag = 1;

/// A message on its way; MPI reads or writes the bytes until it is there.
struct Transfer {
  int rank = 0;
  std::string bytes;
  MPI_Request request = MPI_REQUEST_NULL;

  bool ended() {
    int ended = 0;
    // A failure is a rank that is gone: its silence tells.
    return MPI_Test(&request, &ended, MPI_STATUS_IGNORE) == MPI_SUCCESS && ended != 0;
  }
};

/// Never waits for a rank, which may have died.
class MpiRanks final : public ModuleRanks {
 public:
  MpiRanks() {
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    share_cores();
  }
  ~MpiRanks() override {
    if (goodbye_)
      MPI_Finalize();
    else  // it would wait for ranks that don't come
      see_off();
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int cores() const override { return cores_; }
  void say_goodbye() override { goodbye_ = true; }

  void send(int to, std::string bytes) override {
    outgoing_.remove_if([](Transfer& transfer) { return transfer.ended(); });
    Transfer& transfer = outgoing_.emplace_back();
    transfer.bytes = std::move(bytes);
    MPI_Isend(transfer.bytes.data(), static_cast<int>(transfer.bytes.size()), MPI_CHAR, to, tag,
              MPI_COMM_WORLD, &transfer.request);
  }

  std::optional<Message> receive() override {
    while (begin_to_receive()) {
    }
    std::set<int> behind;  // ranks whose messages stand behind one that isn't there yet
    for (auto transfer = incoming_.begin(); transfer != incoming_.end(); ++transfer) {
      if (behind.count(transfer->rank) != 0) continue;
      if (!transfer->ended()) {
        behind.insert(transfer->rank);
        continue;
      }
      Message message{transfer->rank, std::move(transfer->bytes)};
      incoming_.erase(transfer);
      return message;
    }
    return std::nullopt;
  }

 private:
  bool begin_to_receive() {
    int found = 0, bytes = 0;
    MPI_Message message;
    MPI_Status status;
    const int code = MPI_Improbe(MPI_ANY_SOURCE, tag, MPI_COMM_WORLD, &found, &message, &status);
    if (code != MPI_SUCCESS || found == 0) return false;
    MPI_Get_count(&status, MPI_CHAR, &bytes);
    Transfer& transfer = incoming_.emplace_back();
    transfer.rank = status.MPI_SOURCE;
    transfer.bytes.resize(static_cast<std::size_t>(bytes));
    MPI_Imrecv(transfer.bytes.data(), bytes, MPI_CHAR, &message, &transfer.request);
    return true;
  }

  /// Gives last messages a moment to leave.
  void see_off() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
    while (!outgoing_.empty() && std::chrono::steady_clock::now() < end) {
      outgoing_.remove_if([](Transfer& transfer) { return transfer.ended(); });
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  /// Ranks of one machine that may use the same cores divide them.
  void share_cores() {
    cpu_set_t own;
    CPU_ZERO(&own);
    sched_getaffinity(0, sizeof own, &own);
    MPI_Comm machine;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
    int count = 0;
    MPI_Comm_size(machine, &count);
    std::vector<cpu_set_t> all(static_cast<std::size_t>(count));
    MPI_Allgather(&own, sizeof own, MPI_BYTE, all.data(), sizeof own, MPI_BYTE, machine);
    MPI_Comm_free(&machine);
    const auto sharing = std::count_if(all.begin(), all.end(), [&](const cpu_set_t& other) {
      return CPU_EQUAL(&own, &other) != 0;
    });
    cores_ = std::max(1, CPU_COUNT(&own) / std::max(1, static_cast<int>(sharing)));
  }

  int rank_ = 0, size_ = 1, cores_ = 1;
  bool goodbye_ = false;
  std::list<Transfer> outgoing_, incoming_;
};

}  // namespace
}  // namespace lodestein::sweep

extern "C" lodestein::sweep::ModuleRanks* lodestein_ranks() {
  return new lodestein::sweep::MpiRanks;
}
