#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tool/command.hpp"

namespace lodestein::tool {
namespace {

std::string devices_json(const std::vector<DeviceInfo>& devices) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const DeviceInfo& device : devices)
    list.push_back({{"backend", device.backend},
                    {"description", device.description},
                    {"available", device.available},
                    {"reason", device.reason}});
  return nlohmann::ordered_json{{"best", Backend::best().name()}, {"devices", list}}.dump(2) + "\n";
}

int run_devices(const Context& context) {
  const auto devices = list_devices();
  for (const DeviceInfo& device : devices) {
    context.say(fmt::format("{:<10} {:<4} {}\n", device.backend, device.available ? "yes" : "no",
                            device.available ? device.description : device.reason));
  }
  context.say(fmt::format("best: {}\n", Backend::best().description()));
  context.emit(devices_json(devices));
  return done;
}

}  // namespace

Runner add_devices(CLI::App& app, Context& context) {
  app.add_flag("--json", context.json, "Print one JSON object on stdout instead of text");
  app.footer("\nExample:\n  lodestein devices --json\n");
  return run_devices;
}

}  // namespace lodestein::tool
