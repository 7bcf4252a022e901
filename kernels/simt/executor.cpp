#include "kernels/simt/executor.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <boost/context/detail/fcontext.hpp>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "kernels/simt/sanitizers.hpp"

namespace lodestein::kernels::simt {
namespace {

namespace context = boost::context::detail;

constexpr unsigned warp_size = 32;
constexpr std::size_t stack_bytes = 256 * 1024;  // mapped when touched
// Limits of compute capability 9.0.
constexpr unsigned most_threads = 1024;
constexpr unsigned most_blocks_yz = 65535;
constexpr std::size_t most_static_shared = 48 * 1024;
constexpr std::size_t gap = 256;              // between shared arrays
constexpr unsigned char not_a_number = 0xFF;  // bytes of a NaN, as float and as double
constexpr std::uint64_t inactive_lane = 0x7ff7dead7fffdeadull;  // NaN as float and as double

enum class State : std::uint8_t { ready, at_barrier, at_warp_operation, done };

class Block;

// One CUDA thread.
struct Fiber {
  Block* block = nullptr;
  context::fcontext_t context{};
  void* stack = nullptr;
  ThreadPosition position;
  unsigned lane = 0, warp = 0;
  State state = State::done;
  Place at;  // where it waits
  BarrierVote vote = BarrierVote::none;
  bool predicate = false;
  WarpRequest request{};
  std::uint64_t result = 0;
  // A thread that is already at the next barrier must not release the last one: addresses
  // alternate.
  unsigned barriers = 0, warp_operations = 0;
  void* fake_stack = nullptr;
#ifdef LODESTEIN_SIMT_TSAN
  void* tsan_fiber = nullptr;
#endif
};

thread_local Fiber* running = nullptr;  // on this thread of the processor
LODESTEIN_SIMT_UNSEEN Fiber& current() { return *running; }

std::string triple(unsigned x, unsigned y, unsigned z) {
  return "(" + std::to_string(x) + ", " + std::to_string(y) + ", " + std::to_string(z) + ")";
}

std::string place(Place at) { return std::string(at.file) + ":" + std::to_string(at.line); }

bool same_place(Place a, Place b) { return a.line == b.line && std::strcmp(a.file, b.file) == 0; }

std::string describe(const Fiber& fiber) {
  const uint3 t = fiber.position.thread;
  const std::string who = "thread " + triple(t.x, t.y, t.z);
  switch (fiber.state) {
    case State::done:
      return who + " has returned";
    case State::at_barrier:
      return who + " waits at the barrier in " + place(fiber.at);
    case State::at_warp_operation:
      return who + " waits at the warp operation in " + place(fiber.at);
    case State::ready:
      break;
  }
  return who + " runs";
}

// Static and dynamic shared memory of the block that runs now, laid out as threads ask for it.
class SharedMemory {
 public:
  SharedMemory(std::size_t dynamic_bytes, std::size_t limit)
      : limit_(limit),
        dynamic_bytes_(dynamic_bytes),
        bytes_(dynamic_bytes + most_static_shared + (most_arrays + 2) * 2 * gap) {
    storage_ = std::make_unique<unsigned char[]>(bytes_ + alignment);
    const auto address = reinterpret_cast<std::uintptr_t>(storage_.get());
    first_ = storage_.get() + (alignment - address % alignment) % alignment;
  }
  ~SharedMemory() { unpoison(first_, bytes_); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  void start_block() {
    unpoison(first_, bytes_);
    std::memset(first_, not_a_number, dynamic_bytes_);
    poison(first_, bytes_);
    unpoison(first_, dynamic_bytes_);
    arrays_.clear();
    static_bytes_ = 0;
    used_ = dynamic_bytes_ + gap;
  }
  void* dynamic() { return first_; }
  bool contains(const void* address) const {
    return std::less_equal<>{}(first_, address) && std::less<>{}(address, first_ + bytes_);
  }
  void* array(const void* key, std::size_t bytes, std::size_t align) {
    for (const Array& array : arrays_) {
      if (array.key == key) return array.data;
    }
    static_bytes_ += bytes;
    if (static_bytes_ > most_static_shared || static_bytes_ + dynamic_bytes_ > limit_) {
      throw ExecutionError("the block's shared arrays take " + std::to_string(static_bytes_) +
                           " bytes beside " + std::to_string(dynamic_bytes_) + " dynamic ones");
    }
    if (arrays_.size() == most_arrays)
      throw ExecutionError("a block has more than 64 shared arrays");
    const std::size_t unit = std::max<std::size_t>(align, 16);
    used_ = (used_ + unit - 1) / unit * unit;
    unsigned char* data = first_ + used_;
    unpoison(data, bytes);
    std::memset(data, not_a_number, bytes);
    used_ += bytes + gap;
    arrays_.push_back({key, data});
    return data;
  }

 private:
  struct Array {
    const void* key;
    void* data;
  };
  static constexpr std::size_t alignment = 256, most_arrays = 64;

  std::size_t limit_, dynamic_bytes_, bytes_, static_bytes_ = 0, used_ = 0;
  std::unique_ptr<unsigned char[]> storage_;
  unsigned char* first_;
  std::vector<Array> arrays_;
};

// The threads of one block, reused for the next block.
class Block {
 public:
  Block(const LaunchShape& shape, const SimtOptions& options, const std::function<void()>& body,
        AccessLog* log, unsigned worker);
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  void run(uint3 index);

  int wait_at_barrier(Fiber& fiber);
  std::uint64_t wait_for_warp(Fiber& fiber);
  SharedMemory& shared() { return shared_; }
  bool tracing() const { return log_ != nullptr; }
  void trace(const Fiber& fiber, bool store, const void* address, std::size_t bytes, Place at);
  [[noreturn]] void fail(const std::string& message) const;

 private:
  static void fiber_main(context::transfer_t transfer);
  void make_fiber(unsigned number);
  void resume(Fiber& fiber);
  LODESTEIN_SIMT_UNSEEN void suspend(Fiber& fiber);
  bool run_ready();
  bool release_barrier();
  void explain_deadlock() const;
  unsigned lanes_of(const Fiber& fiber) const;
  Fiber& lane(const Fiber& fiber, unsigned l) const { return *fibers_[fiber.warp * warp_size + l]; }
  void complete_warp(const Fiber& last);

  const LaunchShape& shape_;
  const std::function<void()>& body_;
  AccessLog* log_;
  BlockAccesses accesses_;
  SimtOptions::Order order_kind_;
  std::mt19937 random_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<unsigned> order_;
  SharedMemory shared_;
  uint3 index_{};
  int barrier_result_ = 0;
  std::exception_ptr failure_;
  context::fcontext_t scheduler_{};
#ifdef LODESTEIN_SIMT_ASAN
  void* scheduler_fake_stack_ = nullptr;
  const void* scheduler_stack_ = nullptr;
  std::size_t scheduler_stack_bytes_ = 0;
#endif
#ifdef LODESTEIN_SIMT_TSAN
  void* scheduler_tsan_fiber_ = nullptr;
#endif
  // Addresses that carry what happened before what.
  char launch_ = 0, end_ = 0, barrier_[2] = {}, warp_[2][most_threads / warp_size] = {};
};

Block::Block(const LaunchShape& shape, const SimtOptions& options,
             const std::function<void()>& body, AccessLog* log, unsigned worker)
    : shape_(shape),
      body_(body),
      log_(log),
      order_kind_(options.order),
      random_(options.seed * 7919u + worker * 131u),
      shared_(shape.shared_bytes, options.shared_bytes) {
#ifdef LODESTEIN_SIMT_TSAN
  scheduler_tsan_fiber_ = __tsan_get_current_fiber();
#endif
  const unsigned count = shape.block.x * shape.block.y * shape.block.z;
  for (unsigned i = 0; i < count; ++i) make_fiber(i);
  for (unsigned i = 0; i < count; ++i) {
    order_.push_back(order_kind_ == SimtOptions::Order::reversed ? count - 1 - i : i);
  }
}

Block::~Block() {
  acquire(&end_);
  for (const auto& fiber : fibers_) {
    unpoison(fiber->stack, stack_bytes);  // a failed kernel leaves its frames
    munmap(fiber->stack, stack_bytes);
#ifdef LODESTEIN_SIMT_TSAN
    __tsan_destroy_fiber(fiber->tsan_fiber);
#endif
  }
}

void Block::make_fiber(unsigned number) {
  auto fiber = std::make_unique<Fiber>();
  fiber->block = this;
  const dim3 size = shape_.block;
  fiber->position.thread = {number % size.x, number / size.x % size.y, number / (size.x * size.y)};
  fiber->position.block_size = size;
  fiber->position.grid_size = shape_.grid;
  fiber->lane = number % warp_size;
  fiber->warp = number / warp_size;
  fiber->stack = mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (fiber->stack == MAP_FAILED) throw ExecutionError("no memory for the stack of a thread");
  fiber->context = context::make_fcontext(static_cast<char*>(fiber->stack) + stack_bytes,
                                          stack_bytes, fiber_main);
#ifdef LODESTEIN_SIMT_TSAN
  fiber->tsan_fiber = __tsan_create_fiber(0);
#endif
  fibers_.push_back(std::move(fiber));
}

LODESTEIN_SIMT_UNSEEN void Block::fiber_main(context::transfer_t transfer) {
  Fiber& self = *static_cast<Fiber*>(transfer.data);
  Block& block = *self.block;
  block.scheduler_ = transfer.fctx;
#ifdef LODESTEIN_SIMT_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &block.scheduler_stack_, &block.scheduler_stack_bytes_);
#endif
  for (;;) {  // once for every block that these fibers run
    acquire(&block.launch_);
    try {
      block.body_();
    } catch (...) {
      const Unseen unseen;
      block.failure_ = std::current_exception();
    }
    self.state = State::done;
    block.suspend(self);
  }
}

void Block::resume(Fiber& fiber) {
  running = &fiber;
#ifdef LODESTEIN_SIMT_ASAN
  __sanitizer_start_switch_fiber(&scheduler_fake_stack_, fiber.stack, stack_bytes);
#endif
#ifdef LODESTEIN_SIMT_TSAN
  __tsan_switch_to_fiber(fiber.tsan_fiber, __tsan_switch_to_fiber_no_sync);
#endif
  fiber.context = context::jump_fcontext(fiber.context, &fiber).fctx;
#ifdef LODESTEIN_SIMT_ASAN
  __sanitizer_finish_switch_fiber(scheduler_fake_stack_, nullptr, nullptr);
#endif
  running = nullptr;
}

LODESTEIN_SIMT_UNSEEN void Block::suspend([[maybe_unused]] Fiber& fiber) {
  release(&end_);  // in a block that fails, this may be the fiber's end
#ifdef LODESTEIN_SIMT_ASAN
  __sanitizer_start_switch_fiber(&fiber.fake_stack, scheduler_stack_, scheduler_stack_bytes_);
#endif
#ifdef LODESTEIN_SIMT_TSAN
  __tsan_switch_to_fiber(scheduler_tsan_fiber_, __tsan_switch_to_fiber_no_sync);
#endif
  scheduler_ = context::jump_fcontext(scheduler_, nullptr).fctx;
#ifdef LODESTEIN_SIMT_ASAN
  __sanitizer_finish_switch_fiber(fiber.fake_stack, &scheduler_stack_, &scheduler_stack_bytes_);
#endif
}

void Block::fail(const std::string& message) const {
  throw ExecutionError("block " + triple(index_.x, index_.y, index_.z) + ": " + message);
}

void Block::run(uint3 index) {
  const Unseen unseen;
  index_ = index;
  failure_ = nullptr;
  shared_.start_block();
  for (const auto& fiber : fibers_) {
    fiber->state = State::ready;
    fiber->position.block = index;
  }
  release(&launch_);
  do {
    while (run_ready()) {
    }
    if (log_ != nullptr) accesses_.finish(*log_);
  } while (release_barrier());
  acquire(&end_);
}

void Block::trace(const Fiber& fiber, bool store, const void* address, std::size_t bytes,
                  Place at) {
  const AccessKind global = store ? AccessKind::global_store : AccessKind::global_load;
  const AccessKind shared = store ? AccessKind::shared_store : AccessKind::shared_load;
  accesses_.record(fiber.warp * warp_size + fiber.lane, shared_.contains(address) ? shared : global,
                   address, bytes, at);
}

// One round through the threads that can go on; whether there was one.
bool Block::run_ready() {
  if (order_kind_ == SimtOptions::Order::random)
    std::shuffle(order_.begin(), order_.end(), random_);
  bool ran = false;
  for (const unsigned i : order_) {
    if (fibers_[i]->state != State::ready) continue;
    resume(*fibers_[i]);
    ran = true;
    if (failure_) std::rethrow_exception(failure_);
  }
  return ran;
}

// All threads wait or have returned: lets a barrier go if all are there, and says if it did.
bool Block::release_barrier() {
  const auto is_done = [](const auto& fiber) { return fiber->state == State::done; };
  if (std::all_of(fibers_.begin(), fibers_.end(), is_done)) return false;
  explain_deadlock();
  int count = 0;
  for (const auto& fiber : fibers_) count += fiber->predicate ? 1 : 0;
  switch (fibers_.front()->vote) {
    case BarrierVote::none:
      break;
    case BarrierVote::count:
      barrier_result_ = count;
      break;
    case BarrierVote::all:
      barrier_result_ = count == static_cast<int>(fibers_.size());
      break;
    case BarrierVote::any:
      barrier_result_ = count > 0;
      break;
  }
  for (const auto& fiber : fibers_) fiber->state = State::ready;
  return true;
}

// Throws unless every thread waits at the same barrier.
void Block::explain_deadlock() const {
  const Fiber* waiting = nullptr;
  for (const auto& fiber : fibers_) {
    if (fiber->state == State::at_warp_operation) {
      for (unsigned l = 0; l < warp_size; ++l) {
        if ((fiber->request.mask >> l & 1u) == 0) continue;
        const Fiber& other = lane(*fiber, l);
        const bool joined =
            other.state == State::at_warp_operation && other.request.mask == fiber->request.mask;
        if (!joined) fail("divergence: " + describe(*fiber) + ", but " + describe(other));
      }
    }
    if (fiber->state == State::at_barrier && waiting == nullptr) waiting = fiber.get();
  }
  for (const auto& fiber : fibers_) {
    const bool joined = waiting != nullptr && fiber->state == State::at_barrier &&
                        same_place(fiber->at, waiting->at);
    if (joined) continue;
    fail("divergence: " + describe(waiting == nullptr ? *fiber : *waiting) + ", but " +
         describe(*fiber));
  }
}

int Block::wait_at_barrier(Fiber& fiber) {
  fiber.state = State::at_barrier;
  char* address = &barrier_[fiber.barriers++ & 1u];
  release(address);
  {
    const Seen seen;
    suspend(fiber);
  }
  acquire(address);
  return barrier_result_;
}

// Lanes of the fiber's warp that exist; the last warp of a block may be part of one.
unsigned Block::lanes_of(const Fiber& fiber) const {
  const std::size_t count = fibers_.size() - fiber.warp * warp_size;
  return count >= warp_size ? ~0u : (1u << count) - 1;
}

std::uint64_t Block::wait_for_warp(Fiber& fiber) {
  WarpRequest& request = fiber.request;
  request.mask &= lanes_of(fiber);
  if ((request.mask >> fiber.lane & 1u) == 0) {
    fail("lane " + std::to_string(fiber.lane) +
         " calls a warp operation with a mask that lacks itself in " + place(fiber.at));
  }
  fiber.state = State::at_warp_operation;
  char* address = &warp_[fiber.warp_operations++ & 1u][fiber.warp];
  release(address);
  unsigned arrived = 0;
  for (unsigned l = 0; l < warp_size; ++l) {
    if ((request.mask >> l & 1u) == 0) continue;
    const Fiber& other = lane(fiber, l);
    if (other.state == State::at_warp_operation && other.request.mask == request.mask)
      arrived |= 1u << l;
  }
  if (arrived == request.mask) {
    complete_warp(fiber);
  } else {
    const Seen seen;
    suspend(fiber);
  }
  acquire(address);
  return fiber.result;
}

// The lane that a shuffle reads.
unsigned source_lane(const WarpRequest& request, unsigned lane) {
  const int width = request.width, own = static_cast<int>(lane), first = own / width * width;
  int source = own;
  switch (request.operation) {
    case WarpOperation::shuffle:
      source = first + (request.argument & (width - 1));
      break;
    case WarpOperation::shuffle_up:
      if (own - request.argument >= first) source = own - request.argument;
      break;
    case WarpOperation::shuffle_down:
      if (own + request.argument < first + width) source = own + request.argument;
      break;
    case WarpOperation::shuffle_xor:
      if ((own ^ request.argument) < first + width) source = own ^ request.argument;
      break;
    default:
      break;
  }
  return static_cast<unsigned>(source);
}

// What the lanes' values reduce to, for the operations with one result for all.
std::uint64_t reduce(WarpOperation operation, const std::vector<std::uint64_t>& values,
                     unsigned mask) {
  std::uint64_t result = 0;
  bool first = true;
  for (unsigned l = 0; l < warp_size; ++l) {
    if ((mask >> l & 1u) == 0) continue;
    const std::uint64_t value = values[l];
    const auto as_signed = [](std::uint64_t v) { return static_cast<std::int32_t>(v); };
    const auto as_unsigned = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
    bool better = first;
    switch (operation) {
      case WarpOperation::ballot:
      case WarpOperation::any:
      case WarpOperation::all:
        result |= (value != 0 ? 1ull : 0ull) << l;
        break;
      case WarpOperation::add:
        result = as_unsigned(result + value);
        break;
      case WarpOperation::max_signed:
        better |= as_signed(value) > as_signed(result);
        break;
      case WarpOperation::min_signed:
        better |= as_signed(value) < as_signed(result);
        break;
      case WarpOperation::max_unsigned:
        better |= as_unsigned(value) > as_unsigned(result);
        break;
      case WarpOperation::min_unsigned:
        better |= as_unsigned(value) < as_unsigned(result);
        break;
      default:
        break;
    }
    if (better && operation >= WarpOperation::max_signed) result = value;
    first = false;
  }
  if (operation == WarpOperation::any) return result != 0;
  if (operation == WarpOperation::all) return result == mask;
  return result;
}

// Every lane has come: computes all results and lets them go on.
void Block::complete_warp(const Fiber& last) {
  const unsigned mask = last.request.mask;
  std::vector<std::uint64_t> values(warp_size, inactive_lane);
  for (unsigned l = 0; l < warp_size; ++l) {
    if ((mask >> l & 1u) == 0) continue;
    const Fiber& fiber = lane(last, l);
    if (fiber.request.operation != last.request.operation || !same_place(fiber.at, last.at))
      fail("divergence: " + describe(fiber) + ", but " + describe(last));
    values[l] = fiber.request.value;
  }
  const std::uint64_t reduced = reduce(last.request.operation, values, mask);
  for (unsigned l = 0; l < warp_size; ++l) {
    if ((mask >> l & 1u) == 0) continue;
    Fiber& fiber = lane(last, l);
    switch (fiber.request.operation) {
      case WarpOperation::shuffle:
      case WarpOperation::shuffle_up:
      case WarpOperation::shuffle_down:
      case WarpOperation::shuffle_xor:
        fiber.result = values[source_lane(fiber.request, l)];
        break;
      case WarpOperation::match:
        fiber.result = 0;
        for (unsigned k = 0; k < warp_size; ++k) {
          if ((mask >> k & 1u) != 0 && values[k] == values[l]) fiber.result |= 1u << k;
        }
        break;
      default:
        fiber.result = reduced;
    }
    fiber.state = State::ready;
  }
}

void check_shape(const LaunchShape& shape, std::size_t most_shared) {
  const dim3 g = shape.grid, b = shape.block;
  const std::uint64_t threads = std::uint64_t{b.x} * b.y * b.z;
  if (threads == 0 || threads > most_threads || b.z > 64)
    throw ExecutionError("a block has 1 to 1024 threads and at most 64 in z");
  if (g.x > std::numeric_limits<std::int32_t>::max() || g.y > most_blocks_yz ||
      g.z > most_blocks_yz) {
    throw ExecutionError("a grid has at most 2^31 - 1 blocks in x and 65535 in y and z");
  }
  if (shape.shared_bytes > most_shared) {
    throw ExecutionError("a block has at most " + std::to_string(most_shared) +
                         " bytes of shared memory");
  }
}

// In which the blocks are run, for a grid may not depend on it.
std::vector<std::uint64_t> block_order(std::uint64_t blocks, const SimtOptions& options) {
  std::vector<std::uint64_t> order(blocks);
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  if (options.order == SimtOptions::Order::reversed) std::reverse(order.begin(), order.end());
  if (options.order == SimtOptions::Order::random)
    std::shuffle(order.begin(), order.end(), std::mt19937(options.seed));
  return order;
}

}  // namespace

void execute(const LaunchShape& shape, const SimtOptions& options,
             const std::function<void()>& body, AccessLog* log) {
  check_shape(shape, options.shared_bytes);
  const dim3 grid = shape.grid;
  const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  const auto workers = static_cast<unsigned>(
      std::min<std::uint64_t>(static_cast<std::uint64_t>(std::max(1, options.threads)), blocks));
  const std::vector<std::uint64_t> order = block_order(blocks, options);
  std::vector<std::exception_ptr> failures(workers);
  char start = 0, end = 0;
  release(&start);
  const auto work = [&](unsigned worker) {
    acquire(&start);
    try {
      Block block(shape, options, body, log, worker);
      for (std::uint64_t i = worker; i < blocks; i += workers) {
        const auto rest = static_cast<unsigned>(order[i] / grid.x);
        block.run({static_cast<unsigned>(order[i] % grid.x), rest % grid.y, rest / grid.y});
      }
    } catch (...) {
      failures[worker] = std::current_exception();
    }
    release(&end);
  };
  if (workers == 1) {
    work(0);
  } else {
    std::vector<std::jthread> threads;  // joined at the end of the scope
    for (unsigned w = 0; w < workers; ++w) threads.emplace_back(work, w);
  }
  acquire(&end);
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

LODESTEIN_SIMT_UNSEEN const ThreadPosition& here() { return current().position; }

int block_barrier(BarrierVote vote, bool predicate, Place at) {
  const Unseen unseen;
  Fiber& self = current();
  self.at = at;
  self.vote = vote;
  self.predicate = predicate;
  return self.block->wait_at_barrier(self);
}

std::uint64_t warp_operation(const WarpRequest& request, Place at) {
  const Unseen unseen;
  Fiber& self = current();
  self.at = at;
  self.request = request;
  return self.block->wait_for_warp(self);
}

void* shared_array(const void* key, std::size_t bytes, std::size_t alignment) {
  const Unseen unseen;
  return current().block->shared().array(key, bytes, alignment);
}

void* dynamic_shared() {
  const Unseen unseen;
  return current().block->shared().dynamic();
}

LODESTEIN_SIMT_UNSEEN bool tracing() { return current().block->tracing(); }

void trace_access(bool store, const void* address, std::size_t bytes, Place at) {
  const Unseen unseen;
  const Fiber& self = current();
  self.block->trace(self, store, address, bytes, at);
}

}  // namespace lodestein::kernels::simt
