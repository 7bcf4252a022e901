#include "sweep/packet.hpp"

#include <nlohmann/json.hpp>

#include "lodestein/core/error.hpp"
#include "sweep/plan.hpp"

namespace lodestein::sweep {
namespace {

using Json = nlohmann::json;

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// What `read` makes of the JSON; bytes that nobody should have sent are an error with a name.
template <class Read>
auto parsed(const std::string& text, const Read& read) {
  try {
    return read(Json::parse(text));
  } catch (const Json::exception& error) {
    throw InvalidArgument(std::string("a message between ranks can't be read: ") + error.what());
  }
}

}  // namespace

std::string to_text(const Hello& hello) { return dumped(Json::array({hello.version, hello.host})); }

Hello hello_of(const std::string& text) {
  return parsed(text, [](const Json& json) { return Hello{json.at(0), json.at(1)}; });
}

std::string study_text(const SweepPlan& plan, const std::string& backend) {
  return dumped(Json::array({plan.name, plan.text, plan.seed.value, plan_hash(plan), backend}));
}

SentStudy study_of(const std::string& text) {
  return parsed(text, [](const Json& json) {
    const std::string name = json.at(0), study = json.at(1), hash = json.at(3);
    SentStudy sent{parse_sweep_plan(study, name, Seed{json.at(2).get<std::uint64_t>()}),
                   json.at(4)};
    if (plan_hash(sent.plan) != hash) {
      throw InvalidArgument(
          "makes another plan of the same study than rank 0; install one build of lodestein on "
          "every machine");
    }
    return sent;
  });
}

std::string tasks_text(const std::vector<SweepTask>& tasks) {
  Json list = Json::array();
  for (const SweepTask& task : tasks) list.push_back(Json::array({task.batch, task.cells}));
  return dumped(list);
}

std::vector<SweepTask> tasks_of(const std::string& text) {
  return parsed(text, [](const Json& json) {
    std::vector<SweepTask> tasks;
    for (const Json& entry : json)
      tasks.push_back({entry.at(0), entry.at(1).get<std::vector<std::size_t>>()});
    return tasks;
  });
}

std::string failure_text(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const NotCompiled& problem) {
    return dumped(Json::array({"device", problem.what()}));
  } catch (const DeviceError& problem) {
    return dumped(Json::array({"device", problem.what()}));
  } catch (const std::exception& problem) {
    return dumped(Json::array({"other", problem.what()}));
  }
}

void throw_failure(const std::string& text, const std::string& where) {
  const auto [kind, what] = parsed(text, [](const Json& json) {
    return std::pair<std::string, std::string>(json.at(0), json.at(1));
  });
  if (kind == "device") throw DeviceError(where + ": " + what);
  throw InvalidArgument(where + ": " + what);
}

}  // namespace lodestein::sweep
