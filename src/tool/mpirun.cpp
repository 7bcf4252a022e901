#include "tool/mpirun.hpp"

#include <dlfcn.h>
#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "kernels/devices.hpp"
#include "lodestein/core/error.hpp"
#include "tool/deadline.hpp"

namespace lodestein::tool {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds patience{10};  // for other ranks at the end
constexpr double last_moment = 0.9;           // s after Ctrl-C, when rank 0 is gone
constexpr const char* module_name = "liblodestein-mpi.so";
constexpr const char* other_way =
    "; or run without mpirun: --shard I/N on each machine, then --merge";

std::optional<int> whole_of(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0' || std::string(text).size() > 8 ||
      std::string(text).find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::atoi(text);
}

/// Beside the tool, or where an installation has it.
fs::path find_module() {
  const fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& file :
       {folder / module_name, folder / LODESTEIN_MODULE_FOLDER / module_name}) {
    if (fs::exists(file)) return file;
  }
  throw NotCompiled(
      std::string("mpirun started several processes, but this build has no MPI; install Open MPI "
                  "(Debian: libopenmpi-dev openmpi-bin) and build again") +
      other_way);
}

std::vector<std::string> words_of_process(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  return words;
}

/// mpirun ends a rank at once, and its words with it, when another has ended without a goodbye.
void let_rank_0_speak() {
  constexpr int steps = 200;
  for (int i = 0; i < steps; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

bool is_mpirun(const std::string& program) {
  const std::string name = fs::path(program).filename().string();
  return name.rfind("mpirun", 0) == 0 || name.rfind("mpiexec", 0) == 0 || name == "orterun";
}

}  // namespace

std::optional<Launch> find_launch() {
  const auto rank = whole_of("OMPI_COMM_WORLD_RANK"), size = whole_of("OMPI_COMM_WORLD_SIZE");
  if (!rank || !size) return std::nullopt;
  return Launch{*rank, *size, whole_of("OMPI_COMM_WORLD_LOCAL_RANK").value_or(0)};
}

std::optional<int> count_of_other_launcher() {
  for (const char* size : {"SLURM_STEP_NUM_TASKS", "PMI_SIZE"}) {  // of srun, of MPICH
    if (const auto count = whole_of(size)) return *count > 1 ? count : std::nullopt;
  }
  const auto rank = whole_of("PMIX_RANK");
  return rank.value_or(0) > 0 ? std::optional(*rank + 1) : std::nullopt;
}

std::unique_ptr<sweep::ModuleRanks> connect(const Launch& launch) {
  const fs::path file = find_module();
  // Open MPI loads modules of its own, which look for its symbols.
  void* module = dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
  void* make = module != nullptr ? dlsym(module, sweep::ranks_symbol) : nullptr;
  if (make == nullptr) {
    throw NotCompiled(std::string("MPI can't be loaded: ") + dlerror() +
                      "; install Open MPI (Debian: openmpi-bin)" + other_way);
  }
  std::unique_ptr<sweep::ModuleRanks> ranks(reinterpret_cast<sweep::MakeRanks*>(make)());
  if (ranks->size() != launch.size) {
    throw NotCompiled("mpirun started " + std::to_string(launch.size) +
                      " processes, but MPI sees " + std::to_string(ranks->size()) +
                      "; use the mpirun of the Open MPI that lodestein was built with" + other_way);
  }
  return ranks;
}

std::string with_mpirun(const std::string& command_line, const Launch& launch) {
  const auto parent = words_of_process(getppid()), own = words_of_process(getpid());
  std::string text = "mpirun -n " + std::to_string(launch.size) + " ";
  if (parent.size() > own.size() && is_mpirun(parent.front()) &&
      std::equal(own.begin() + 1, own.end(), parent.end() - static_cast<long>(own.size()) + 1)) {
    text.clear();
    for (std::size_t i = 0; i < parent.size() - own.size(); ++i)
      text += shell_quoted(parent[i]) + " ";
  }
  return text + command_line;
}

Backend rank_backend(const std::string& name, int threads, const Launch& launch,
                     const sweep::ModuleRanks& ranks) {
  const int devices = name == "cuda" || name == "best" ? kernels::cuda_devices() : 0;
  if (threads == 0) threads = ranks.cores();
  if (devices == 0) return Backend::named(name, threads);
  omp_set_num_threads(threads);  // for what is done on the host
  return Backend::cuda(launch.local_rank % devices);
}

int part(std::unique_ptr<sweep::ModuleRanks> ranks, int code) {
  std::fflush(nullptr);  // what this rank has said
  std::thread([code] {
    std::this_thread::sleep_for(patience);
    _exit(code);
  }).detach();
  ranks->say_goodbye();
  return code;
}

int compute_for_rank_0(const Context& context, const Launch& launch,
                       std::unique_ptr<sweep::ModuleRanks> ranks) {
  const Deadline deadline(last_moment, [] { return std::string(); });
  ProgressObserver observer(ProgressMode::none, true);
  const auto backend = [&](const std::string& name) {
    return rank_backend(name, context.threads, launch, *ranks);
  };
  try {
    if (sweep::follow(*ranks, backend, observer) == sweep::Dismissal::finished)
      return part(std::move(ranks), done);
  } catch (const Cancelled&) {  // by mpirun, as rank 0 is
  }
  let_rank_0_speak();
  return interrupt_signal() == 0 ? done : 128 + interrupt_signal();
}

}  // namespace lodestein::tool
