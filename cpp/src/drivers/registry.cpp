#include <algorithm>
#include <array>

#include "drivers/callback.hpp"
#include "drivers/cloud_run.hpp"
#include "drivers/compose.hpp"
#include "drivers/digitalocean.hpp"
#include "drivers/driver.hpp"
#include "drivers/ecs.hpp"
#include "drivers/gunicorn.hpp"
#include "drivers/kubernetes.hpp"
#include "drivers/local.hpp"
#include "drivers/memory.hpp"
#include "drivers/railway.hpp"
#include "drivers/render.hpp"
#include "drivers/swarm.hpp"
#include "drivers/uvicorn.hpp"

namespace selfscale::drivers {
namespace {

using Made = Result<std::unique_ptr<Driver>>;

struct Row {
  std::string_view name;
  Made (*make)(Setting);
};

Made make_callback(Setting setting) {
  if (!setting.callbacks.scale || !setting.post) {
    return Failure{
        Errc::invalid_argument,
        "the driver \"callback\" needs a function scale(replicas): hand one to the agent",
        {}};
  }
  return callback_driver(std::move(setting));
}

constexpr std::array table{
    Row{"callback", make_callback},
    Row{"cloud_run", [](Setting setting) -> Made { return cloud_run_driver(std::move(setting)); }},
    Row{"compose", compose_driver},
    Row{"digitalocean",
        [](Setting setting) -> Made { return digitalocean_driver(std::move(setting)); }},
    Row{"ecs", [](Setting setting) -> Made { return ecs_driver(std::move(setting)); }},
    Row{"gunicorn", gunicorn_driver},
    Row{"kubernetes", kubernetes_driver},
    Row{"local", [](Setting setting) -> Made { return local_driver(std::move(setting)); }},
    Row{"memory", [](Setting setting) -> Made { return memory_driver(std::move(setting)); }},
    Row{"railway", [](Setting setting) -> Made { return railway_driver(std::move(setting)); }},
    Row{"render", [](Setting setting) -> Made { return render_driver(std::move(setting)); }},
    Row{"swarm", swarm_driver},
    Row{"uvicorn", uvicorn_driver},
};

}  // namespace

Made make(std::string_view name, Setting setting) {
  const auto* const row = std::find_if(table.begin(), table.end(),
                                       [name](const Row& each) { return each.name == name; });
  if (row != table.end()) return row->make(std::move(setting));
  std::string known;
  for (const auto& each : names()) known += (known.empty() ? "" : ", ") + std::string{each};
  return Failure{
      Errc::invalid_argument,
      "no driver is called \"" + std::string{name} + "\"; there are " + known +
          ", and in Python celery_pool and vercel. One of your own is registered before: in "
          "the app by selfscale.register_driver, at the command line by --driver-module",
      {}};
}

std::vector<std::string_view> names() {
  std::vector<std::string_view> all;
  all.reserve(table.size());
  for (const auto& row : table) all.push_back(row.name);
  return all;
}

}  // namespace selfscale::drivers
